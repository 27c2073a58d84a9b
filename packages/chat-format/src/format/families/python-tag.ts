// Owns the text that Llama 3.1, 3.3 and Functionary 3.1 write after `<|python_tag|>`, in addition to their usual calls: plain code for the tool
// `python`, a call as a JSON object, or a call of a tool from Llama's training. Source: the templates.
import { pythonArguments } from "./lfm2.ts";
import { type Syntax, anywhere, choice, literal, sequence } from "../syntax.ts";
import type { Family } from "./family.ts";

const trained = (name: string): Syntax =>
  sequence(
    literal(`${name}.call`),
    { kind: "implied-name", names: [name] },
    { kind: "arguments", syntax: pythonArguments },
  );

export const pythonTag: Family = {
  name: "python-tag",
  isFamily: (template) => template.includes("<|python_tag|>"),
  besides: true,
  answer: [
    anywhere(
      literal("<|python_tag|>"),
      choice(
        { kind: "object", name: "name", arguments: "parameters" },
        trained("brave_search"),
        trained("wolfram_alpha"),
        sequence(
          { kind: "implied-name", names: ["python", "ipython", "code_interpreter"] },
          { kind: "arguments", syntax: { kind: "text", argument: "code" } },
        ),
      ),
    ),
  ],
};
