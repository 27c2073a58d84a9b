export * from "./complaint.ts";
export * from "./daemon-screen.ts";
export * from "./format.ts";
export * from "./open-address.ts";
export * from "./output.ts";
export { printable } from "./printable.ts";
export * from "./status-line.ts";
export * from "./style.ts";
export * from "./usage-problem.ts";
