// Names the recommended model to take for this machine.
import { formatBytes } from "@waggle/daemon/terminal";
import { busyWords, wasBusy } from "@waggle/models/memory";
import { modelToTake, type AdviceHere } from "../local/recommended.ts";
import { note, type Finding } from "./finding.ts";

const check = "Recommended";

export function checkRecommended(here: AdviceHere): Finding {
  const best = modelToTake(here);
  if (wasBusy(here.machine)) return note(check, busyWords);
  if (best === undefined) return note(check, "No recommended model fits into the free memory of this machine.");
  const { name, bytes, reference } = best;
  return note(check, `The model to take for this machine is ${name} (${formatBytes(bytes)}): waggle pull ${reference}`);
}
