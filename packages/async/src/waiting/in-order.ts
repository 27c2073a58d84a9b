// Does asynchronous work one piece after the other.

/** Begins the work when all work before it has ended, whether it failed or not. Settles like the work. */
export type InOrder = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createInOrder(): InOrder {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return await done;
  };
}
