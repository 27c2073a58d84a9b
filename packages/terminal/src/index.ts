export * from "./lib/complaint.ts";
export * from "./lib/daemon-screen.ts";
export * from "./lib/format.ts";
export * from "./lib/open-address.ts";
export * from "./lib/output.ts";
export * from "./lib/status-line.ts";
export * from "./lib/style.ts";
