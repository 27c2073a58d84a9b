// Does work that nothing waits for. A daemon logs a failure with the name of the work, and lives on.

/** The name of the error. In a process that has no handler for it, it is a rejection that no code handles. */
export const backgroundError = "BackgroundError";

/** In the code of daemons, lint refuses `void` before a promise. @param what completes "Cannot …" */
export function inBackground(what: string, work: PromiseLike<unknown> | undefined): void {
  work?.then(undefined, (cause: unknown) => {
    const message = `Cannot ${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw Object.assign(new Error(message, { cause }), { name: backgroundError });
  });
}
