export { hostileGrammars, type HostileGrammar } from "./lib/hostile/grammars.ts";
export { adaptersContract } from "./lib/adapters-contract.ts";
export { backendContract, type BackendContractOptions } from "./lib/backend-contract.ts";
export { createFakeClock, type FakeClock } from "./lib/fake-clock.ts";
export { expectNoLeaks } from "./lib/leaks.ts";
export { resumeContract, type ResumableJob, type ResumeContractOptions } from "./lib/resume-contract.ts";
export { statesContract } from "./lib/states-contract.ts";
export * from "./lib/hostile/index.ts";
export * from "./lib/otlp-receiver.ts";
