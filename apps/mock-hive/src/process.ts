// Owns how a hive starts: as `waggle-hive`, and as `waggle hive`.
import { listenForSignals } from "@waggle/daemon/signals";

type Environment = Readonly<Record<string, string | undefined>>;

/** Listens for signals first, because the other modules take a while to load. Sets the exit code at the end. */
export async function runHiveProcess(
  process: NodeJS.Process,
  argv: readonly string[],
  env: Environment,
  program?: string,
): Promise<void> {
  const signals = listenForSignals(process);
  const { runHive } = await import("./run-hive.ts");
  await runHive(argv, env, signals, program);
}
