// Owns the format of a model that is told in words how to write calls: what every engine can fall back on.
import { genericCalls } from "./derive/generic.ts";
import { thoughtItems, usualThoughts } from "./derive/derive-thoughts.ts";
import type { ChatFormat } from "./format.ts";
import { usualInputs } from "./inputs/template-inputs.ts";
import { markersOf } from "./marks.ts";

const answer = [...thoughtItems(usualThoughts), ...genericCalls];

export const genericFormat: ChatFormat = {
  name: "generic",
  answer,
  turnOpens: [],
  markers: markersOf(answer),
  marks: [],
  // Turns of text and nothing else.
  inputs: { ...usualInputs, tools: false, calls: false, parallelCalls: false, results: false },
  abilities: { tools: false, parallelCalls: true, thinking: "never", switches: [] },
};
