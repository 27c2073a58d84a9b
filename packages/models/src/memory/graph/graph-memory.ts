// Places the results of a graph in a buffer, to learn the buffer's size. The rules are those of ggml's graph allocator (ggml-alloc.c): a result
// goes into the smallest gap that is large enough, or over a source that has no other reader.
import type { Graph, Tensor } from "./graph.ts";

/** TENSOR_ALIGNMENT of ggml. GPUs have a larger alignment, which is too small to matter in buffers of megabytes. */
const alignmentBytes = 32;

interface Gap {
  start: number;
  end: number;
}

export interface GraphMemory {
  /** Size of the buffer. */
  readonly bytes: number;
  /** Start of each result in the buffer: the graph's inputs, then its nodes. Undefined for views and stored results, which are not in the buffer. */
  readonly starts: readonly (number | undefined)[];
}

export function layOut(graph: Graph): GraphMemory {
  const space = createSpace();
  const starts = new Map<Tensor, number>();
  const held = new Set<Tensor>();
  const readers = countReaders(graph);
  const views = countViews(graph);

  function place(tensor: Tensor): void {
    if (tensor.viewOf !== undefined || tensor.stored) return;
    const host = tensor.inPlace ? tensor.sources.find((source) => canHost(source, tensor)) : undefined;
    starts.set(tensor, (host && starts.get(host)) ?? space.take(tensor.bytes));
    if (host !== undefined) held.delete(host);
    held.add(tensor);
  }

  /** Whether `tensor` may be written over `source`: same layout, no other reader, no views, not an output. */
  function canHost(source: Tensor, tensor: Tensor): boolean {
    if (!held.has(source) || source.output || source.layout !== tensor.layout) return false;
    return readers.get(source) === 1 && (views.get(source) ?? 0) === 0;
  }

  function release(tensor: Tensor): void {
    if (!held.has(tensor) || tensor.output) return;
    held.delete(tensor);
    const start = starts.get(tensor) ?? 0;
    space.give(start, start + aligned(tensor.bytes));
  }

  function readBy(source: Tensor): void {
    const left = decrease(readers, source);
    if (left > 0 || (views.get(source) ?? 0) > 0) return;
    const root = source.viewOf;
    if (root === undefined) release(source);
    else if (decrease(views, root) === 0 && (readers.get(root) ?? 0) === 0) release(root);
  }

  for (const input of graph.inputs) place(input);
  for (const node of graph.nodes) {
    place(node);
    for (const source of node.sources) readBy(source);
  }
  return { bytes: space.bytes(), starts: [...graph.inputs, ...graph.nodes].map((tensor) => starts.get(tensor)) };
}

/**
 * Bytes that smaller passes of the same graph write in all, in the places that were laid out for the larger pass.
 * The rest of the buffer takes addresses, but no memory.
 */
export function touchedBytes({ starts }: GraphMemory, ...smaller: readonly Graph[]): number {
  const spans = smaller.flatMap(({ inputs, nodes }) =>
    [...inputs, ...nodes].flatMap(({ bytes }, index) => {
      const start = starts[index];
      return start === undefined ? [] : [[start, start + bytes] as const];
    }),
  );
  let total = 0;
  let reached = 0;
  for (const [start, end] of spans.toSorted(([one], [other]) => one - other)) {
    total += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return total;
}

/**
 * Creates an endless address space with gaps. Adjacent gaps are joined by the same rules as in ggml. Next to results of 0 bytes, these rules do
 * not join some gaps, which changes where large results are placed.
 */
function createSpace(): {
  take(bytes: number): number;
  give(start: number, end: number): void;
  bytes(): number;
} {
  /** Sorted by position; the last gap is endless. */
  const gaps: Gap[] = [{ start: 0, end: Infinity }];
  let mostEnd = 0;

  function join(index: number): void {
    const [gap, next] = [gaps[index], gaps[index + 1]];
    if (gap === undefined || next === undefined || gap.end !== next.start) return;
    gap.end = next.end;
    gaps.splice(index + 1, 1);
  }

  return {
    bytes: () => mostEnd,
    take(bytes) {
      const size = aligned(bytes);
      const index = smallest(gaps, size);
      const gap = gaps[index];
      if (gap === undefined) return mostEnd;
      const { start } = gap;
      gap.start += size;
      mostEnd = Math.max(mostEnd, gap.start);
      if (gap.start === gap.end) gaps.splice(index, 1);
      return start;
    },
    give(start, end) {
      for (const [index, gap] of gaps.entries()) {
        if (gap.end === start) {
          gap.end = end;
          return join(index);
        }
        if (gap.start === end) {
          gap.start = start;
          return join(index - 1);
        }
      }
      const behind = gaps.findIndex((gap) => gap.start >= start);
      gaps.splice(behind, 0, { start, end });
    },
  };
}

/** Index of the smallest gap that is large enough, and of the last if several have this size. The endless gap is used only if no other fits. */
function smallest(gaps: readonly Gap[], size: number): number {
  let best = gaps.length - 1;
  let bestBytes = Infinity;
  for (const [index, { start, end }] of gaps.slice(0, -1).entries()) {
    if (end - start < size || end - start > bestBytes) continue;
    [best, bestBytes] = [index, end - start];
  }
  return best;
}

function countReaders({ nodes }: Graph): Map<Tensor, number> {
  const counts = new Map<Tensor, number>();
  for (const { sources } of nodes) for (const source of sources) counts.set(source, (counts.get(source) ?? 0) + 1);
  return counts;
}

function countViews({ nodes }: Graph): Map<Tensor, number> {
  const counts = new Map<Tensor, number>();
  for (const { viewOf } of nodes) if (viewOf !== undefined) counts.set(viewOf, (counts.get(viewOf) ?? 0) + 1);
  return counts;
}

function decrease(counts: Map<Tensor, number>, tensor: Tensor): number {
  const count = (counts.get(tensor) ?? 0) - 1;
  counts.set(tensor, count);
  return count;
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}
