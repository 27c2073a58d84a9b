// Owns Functionary 3.2: each message begins with its recipient, `>>>all\n` for the user or `>>>weather\n{…}` for a tool. The prompt already
// contains the first `>>>`. A call of the tool `python` may contain plain code instead of JSON arguments. Source: the template.
import { anywhere, blank, choice, literal, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const recipient = literal(">>>");

export const functionary32: Family = {
  name: "functionary-3.2",
  isFamily: (template) => template.includes(">>>${recipient}"),
  turnOpens: ["<|start_header_id|>assistant<|end_header_id|>\n\n"],
  answer: [
    anywhere(
      recipient,
      choice(
        sequence({ kind: "name", until: ["\n"] }, blank("\n"), { kind: "arguments", syntax: { kind: "json" } }),
        sequence(literal("all\n"), { kind: "text", part: "content", until: [">>>"] }),
        sequence(
          literal("python\n"),
          { kind: "implied-name", names: ["python"] },
          choice(
            { kind: "arguments", syntax: { kind: "json" } },
            { kind: "arguments", syntax: { kind: "text", argument: "code" } },
          ),
        ),
      ),
    ),
    // Requests without tools skip the item above, and use the item below.
    anywhere(recipient, literal("all\n"), { kind: "text", part: "content", until: [] }),
  ],
};
