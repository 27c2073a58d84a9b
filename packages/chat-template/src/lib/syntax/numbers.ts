// Owns reading the integers of a template.
import { integer } from "../values/numbers.ts";

export function integerOf(written: string): number | bigint {
  return integer(BigInt(written.replaceAll("_", "").replace(/^0+(?=\d)/, "")));
}
