// Owns MiniCPM5: `<function name="x"><param name="a">v</param></function>`. A string with markup or line breaks is in CDATA. Source:
// the template's instructions to the model.
import { thoughtItems, usualThoughts } from "../derive/derive-thoughts.ts";
import { anywhere, literal, markerItem, tags } from "../syntax.ts";
import type { Family } from "./family.ts";

const open = '<function name="';

export const minicpm5: Family = {
  name: "minicpm5",
  isFamily: (template) => [open, '<param name="', "<![CDATA["].every((marker) => template.includes(marker)),
  answer: [
    ...thoughtItems(usualThoughts, [open]),
    anywhere(
      literal(open),
      { kind: "name", until: ['"'] },
      literal('">'),
      tags({
        key: { open: '<param name="', close: '">' },
        value: { open: "", close: "</param>" },
        verbatim: { open: "<![CDATA[", close: "]]>", unless: ["<", "&", "\n"] },
      }),
      literal("</function>"),
    ),
    markerItem("<|im_end|>"),
  ],
};
