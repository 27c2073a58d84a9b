// Owns Firefunction v2: ` functools[{"name": …, "arguments": {…}}]`. Source: the instructions in the template. Probing does not
// find these instructions, because they need variables that no client sends (`functions`, `datetime`).
import { anywhere, blank, callObject, literal } from "../syntax.ts";
import type { Family } from "./family.ts";

export const firefunction: Family = {
  name: "firefunction",
  isFamily: (template) => template.includes("functools["),
  turnOpens: ["<|start_header_id|>assistant<|end_header_id|>\n\n"],
  answer: [
    anywhere(
      literal("functools["),
      blank(),
      { kind: "repeat", item: callObject, separator: ", " },
      blank(),
      literal("]"),
    ),
  ],
};
