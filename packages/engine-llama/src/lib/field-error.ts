// Owns how a request that the model cannot follow is refused: the field, then the reason.
import { WaggleError } from "@waggle/protocol";

export function refuseField(field: string, problem: string, cause?: unknown): WaggleError {
  return new WaggleError("invalid_argument", `Cannot accept field "${field}": ${problem}`, {
    details: { problems: [{ field, problem }] },
    cause,
  });
}
