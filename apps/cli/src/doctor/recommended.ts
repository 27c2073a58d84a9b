// Names the recommended model to take for this machine.
import { formatBytes } from "@waggle/daemon/terminal";
import { bestOfPurposes } from "@waggle/models/recommended";
import type { AdviceHere } from "../local/recommended.ts";
import { note, type Finding } from "./finding.ts";

const check = "Recommended";

export function checkRecommended({ advice, machine }: AdviceHere): Finding {
  const best = bestOfPurposes(advice, machine).find(({ purpose }) => purpose === "chat")?.best;
  if (best === undefined) return note(check, "No recommended model fits into the free memory of this machine.");
  const { name, bytes, reference } = best.model;
  return note(check, `The model to take for this machine is ${name} (${formatBytes(bytes)}): waggle pull ${reference}`);
}
