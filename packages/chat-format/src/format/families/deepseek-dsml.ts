// Owns DeepSeek V3.2 and V4, which write calls in DSML:
// `<｜DSML｜invoke name="x"><｜DSML｜parameter name="a" string="true">v</｜DSML｜parameter></｜DSML｜invoke>`. Calls are in a section, which has
// different names in V3.2 and V4. A thought may end with a call instead of its marker. Source: the templates' instructions to the model.
import { thoughtItems, usualThoughts } from "../derive/derive-thoughts.ts";
import { type AnswerItem, anywhere, blank, literal, optional, sequence, tags } from "../syntax.ts";
import type { Family } from "./family.ts";

const marker = "｜DSML｜";

function answer(section: string): readonly AnswerItem[] {
  const open = `<${marker}${section}>`;
  const call = sequence(
    literal(`<${marker}invoke name="`),
    { kind: "name", until: ['"'] },
    literal('">'),
    blank("\n"),
    tags({
      key: { open: `<${marker}parameter name="`, close: '"' },
      type: {
        open: ' string="',
        close: '"',
        words: {
          ...{ string: "true", number: "false", integer: "false", boolean: "false" },
          ...{ null: "false", object: "false", array: "false" },
        },
      },
      value: { open: ">", close: `</${marker}parameter>` },
      separator: "\n",
    }),
    blank("\n"),
    literal(`</${marker}invoke>`),
  );
  return [
    ...thoughtItems(usualThoughts, [open]),
    anywhere(
      literal(open),
      blank("\n"),
      { kind: "repeat", item: call, separator: "\n" },
      blank("\n"),
      optional(literal(`</${marker}${section}>`)),
    ),
  ];
}

export const deepseekFunctionCalls: Family = {
  name: "deepseek-v3.2",
  isFamily: (template) => template.includes(marker) && template.includes("function_calls>"),
  answer: answer("function_calls"),
  markers: [marker],
};

export const deepseekToolCalls: Family = {
  name: "deepseek-v4",
  isFamily: (template) => template.includes(marker) && template.includes("tool_calls>"),
  answer: answer("tool_calls"),
  markers: [marker],
};
