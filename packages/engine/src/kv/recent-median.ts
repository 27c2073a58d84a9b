// Computes the median of the last few values. A mean would follow outliers: a pass takes many times as long while another process has the core.

export interface RecentMedian {
  add(value: number): void;
  /** Undefined before the first value. */
  readonly value: number | undefined;
}

export function createRecentMedian(count: number): RecentMedian {
  const values: number[] = [];
  return {
    add(value) {
      values.push(value);
      if (values.length > count) values.shift();
    },
    get value() {
      return values.toSorted((a, b) => a - b)[values.length >> 1];
    },
  };
}
