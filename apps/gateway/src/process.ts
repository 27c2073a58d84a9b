// Owns how a gateway starts: as `waggle-gateway`, and as `waggle gateway`.
import { listenForSignals } from "@waggle/daemon/signals";

type Environment = Readonly<Record<string, string | undefined>>;

/** Listens for signals first, because the other modules take a while to load. Sets the exit code at the end. */
export async function runGatewayProcess(
  process: NodeJS.Process,
  argv: readonly string[],
  env: Environment,
  program?: string,
): Promise<void> {
  const signals = listenForSignals(process);
  const { runGateway } = await import("./run-gateway.ts");
  await runGateway(argv, env, signals, program);
}
