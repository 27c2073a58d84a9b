export * from "./fleet.ts";
export { BrokenError, createMember, type FleetWorld, type SimulatedMember } from "./process.ts";
