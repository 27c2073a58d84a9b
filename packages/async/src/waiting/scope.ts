// Releases resources together, in the reverse order of their acquisition, since Node 20 has no AsyncDisposableStack.

export interface Scope {
  /** Releases the resource when the scope closes; returns the resource. */
  use<R extends Disposable | AsyncDisposable>(resource: R): R;
  /** Calls `release` when the scope closes. */
  defer(release: () => unknown): void;
  /**
   * Releases the resources one after the other, the last one first, and continues after an error. Every call returns the same promise.
   * @throws AggregateError with all errors, in the order in which they were thrown
   */
  close(): Promise<void>;
}

/** Creates an open scope. Once the scope is closing, `use` and `defer` throw, because the resource would never be released. */
export function createScope(): Scope {
  const releases: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;

  function defer(release: () => unknown): void {
    if (closing !== undefined) throw new Error("Cannot add to the scope: it is closed");
    releases.push(release);
  }

  async function releaseAll(): Promise<void> {
    const errors: unknown[] = [];
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0)
      throw new AggregateError(errors, `Cannot close the scope: ${errors.length} of its releases failed`);
  }

  function close(): Promise<void> {
    // Assigned before the first release runs, so that a release that closes the scope again gets this promise and starts no second pass.
    closing ??= Promise.resolve().then(releaseAll);
    return closing;
  }

  return {
    use(resource) {
      defer(() => (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]()));
      return resource;
    },
    defer,
    close,
  };
}
