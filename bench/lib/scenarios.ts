// Owns what is measured: a thousand streams can be many readers of few jobs, or many jobs of which few run.

export interface Scenario {
  readonly name: string;
  /** Jobs that the streams read, evenly; undefined when each stream is a job of its own. */
  readonly jobs: number | undefined;
  readonly streams: number;
  /** Of each stream. */
  readonly tokens: number;
  readonly stepDelayMs: number;
  /** Of the worker. */
  readonly slots: number;
  /** Streams that the bare server runs at the same time. */
  readonly bareSlots: number;
  readonly flags: readonly string[];
}

/** The most that a worker has. */
const slots = 64;
const sharedJobs = 50;

export function scenariosOf(streams: number): readonly Scenario[] {
  return [
    scenarioOf({
      name: `${streams} readers of ${sharedJobs} running jobs`,
      jobs: sharedJobs,
      streams,
      tokens: 60,
      stepDelayMs: 100,
      bareSlots: streams,
    }),
    scenarioOf({
      name: `${streams} jobs, ${slots} running, the others queued`,
      jobs: undefined,
      streams,
      tokens: 40,
      stepDelayMs: 10,
      bareSlots: slots,
    }),
  ];
}

function scenarioOf(load: Omit<Scenario, "slots" | "flags">): Scenario {
  const room = String(load.streams + 2 * slots);
  const flags = [
    ...["--slots", String(slots), "--fake-step-delay", String(load.stepDelayMs), "--queue-capacity", room],
    ...["--max-connections", room, "--max-streams-per-client", room, "--context-size", "2000000"],
  ];
  return { ...load, slots, flags };
}
