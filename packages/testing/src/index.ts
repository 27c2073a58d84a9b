export { hostileGrammars, type HostileGrammar } from "./hostile/grammars.ts";
export { adaptersContract } from "./contracts/adapters-contract.ts";
export { backendContract, type BackendContractOptions } from "./contracts/backend-contract.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { expectNoLeaks } from "./leaks.ts";
export { madeUpPng, type MadeUpPng } from "./made-up-png.ts";
export { guessContract, type GuessContractOptions } from "./contracts/guess-contract.ts";
export { parkContract, type ParkContractOptions } from "./contracts/park-contract.ts";
export {
  pictureContract,
  picturedJobs,
  promptOf,
  type PictureContractOptions,
} from "./contracts/picture-contract.ts";
export { resumeContract, type ResumableJob, type ResumeContractOptions } from "./contracts/resume-contract.ts";
export { statesContract } from "./contracts/kv-snapshots-contract.ts";
export * from "./hostile/index.ts";
export * from "./otlp-receiver.ts";
export { describeWithNats } from "./with-nats.ts";
