// Keeps the active fault, and the number of further requests to which it applies. app.ts applies the fault.
import { WaggleError, type Fault } from "@waggle/protocol";

export interface Faults {
  /**
   * Sets a fault, and returns the fault now in force. `forget` takes effect at once, so no fault is in force after it.
   * @throws WaggleError invalid_argument for a missing field, or a field that the fault does not take
   */
  set(fault: Fault): Fault;
  current(): Fault;
  /** Returns the fault for one request, and counts the request. */
  take(): Fault;
}

const noFault: Fault = { fault: "none" };

export function createFaults(options: { readonly onForget: () => void }): Faults {
  let current = noFault;

  return {
    set(fault) {
      check(fault);
      current = fault.fault === "forget" ? noFault : fault;
      if (fault.fault === "forget") options.onForget();
      return current;
    },
    current: () => current,
    take() {
      const taken = current;
      if (taken.count !== undefined) current = taken.count > 1 ? { ...taken, count: taken.count - 1 } : noFault;
      return taken;
    },
  };
}

function check({ fault, delay_ms, count }: Fault): void {
  if ((fault === "delay") !== (delay_ms !== undefined)) {
    throw new WaggleError(
      "invalid_argument",
      'Cannot set the fault: "delay" needs delay_ms, and no other fault takes it.',
    );
  }
  if (count !== undefined && (fault === "none" || fault === "forget")) {
    throw new WaggleError("invalid_argument", `Cannot set the fault: "${fault}" takes no count.`);
  }
}
