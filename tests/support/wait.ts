// Owns waiting for a state of another process that nobody announces: asked again and again, within a limit.
/** Between two looks; short against every limit that is waited for. */
const lookIntervalMs = 20;

/** @throws Error when the condition does not hold in time, with the last error it threw */
export async function waitUntil(holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: Error | undefined;
  while (performance.now() < deadline) {
    try {
      if (await holds()) return;
      last = undefined;
    } catch (error) {
      last = error instanceof Error ? error : new Error("something that is no error was thrown", { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, lookIntervalMs));
  }
  throw new Error(`Waited ${timeoutMs} ms in vain${last === undefined ? "" : `: ${last.message}`}`);
}
