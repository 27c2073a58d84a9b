// Parses an option with several numbers, separated by commas.
import { integerOf } from "@waggle/testing/harness";

export function integersOf(flag: string, text: string, least = 1, most = 100_000): readonly number[] {
  return text.split(",").map((one) => integerOf(flag, one, least, most));
}
