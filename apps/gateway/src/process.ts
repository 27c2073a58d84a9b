// Owns how a gateway starts: as `waggle-gateway`, and as `waggle gateway`.
import { listenForSignals } from "@waggle/daemon/signals";

type Environment = Readonly<Record<string, string | undefined>>;

/** Listens for signals first, because the rest takes a while to load; at the end the exit code is set. */
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
