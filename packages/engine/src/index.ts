export { createAnswerText, type AnswerText } from "./lib/answer-text.ts";
export * from "./lib/backend.ts";
export * from "./lib/engine.ts";
export * from "./lib/fake-backend.ts";
export { expectedFakeVector, fakeVectorWidth } from "./lib/fake-embedder.ts";
export { createFakeStates, type FakeStates } from "./lib/fake-states.ts";
export { expectedFakeText, type FakeSampling } from "./lib/fake-model.ts";
export * from "./lib/messages.ts";
export * from "./lib/step-gate.ts";
