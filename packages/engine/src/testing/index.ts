export { driveSlots, type DrivenBackend, type DrivenEntry } from "./drive-slots.ts";
export { createFakeKvSnapshots, type FakeKvSnapshots } from "./fake-kv-snapshots.ts";
export { createStepGate, type StepGate } from "./step-gate.ts";
