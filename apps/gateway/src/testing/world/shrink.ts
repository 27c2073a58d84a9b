// Finds a small schedule that still breaks a rule: it leaves out clients, faults and members, as long as the run fails.
import type { Schedule } from "./schedule.ts";

/** Maximum number of runs. */
const mostRuns = 200;

/** @param fails runs a schedule */
export async function shrink(schedule: Schedule, fails: (schedule: Schedule) => Promise<boolean>): Promise<Schedule> {
  let small = schedule;
  let runs = 0;

  async function attempt(next: Schedule): Promise<boolean> {
    if (runs >= mostRuns) return false;
    runs += 1;
    if (!(await fails(next))) return false;
    small = next;
    return true;
  }

  async function leaveOut(key: "clients" | "faults"): Promise<void> {
    for (let size = Math.ceil(small[key].length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < small[key].length;) {
        const rest = [...small[key].slice(0, at), ...small[key].slice(at + size)];
        if (!(await attempt({ ...small, [key]: rest }))) at += size;
      }
    }
  }

  await leaveOut("faults");
  await leaveOut("clients");
  for (const key of ["gateways", "workers"] as const) {
    while (small[key] > 1 && (await attempt({ ...small, [key]: small[key] - 1 })));
  }
  return small;
}
