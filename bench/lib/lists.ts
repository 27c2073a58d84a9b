// Parses an option with several numbers, separated by commas.
import { integerOf } from "@waggle/testing/harness";

const most = 100_000;

export function integersOf(flag: string, text: string): readonly number[] {
  return text.split(",").map((one) => integerOf(flag, one, 1, most));
}
