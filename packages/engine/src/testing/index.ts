export { driveSlots, type DrivenBackend, type DrivenEntry } from "./drive-slots.ts";
