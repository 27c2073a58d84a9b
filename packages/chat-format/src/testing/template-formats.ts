// Derives the formats of llama.cpp's templates for tests of whole answers, with markers as text and as marks, and makes the answers that the
// templates write.
import { createTemplateRenderer, type TemplateValues } from "../template/index.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { deriveFormat } from "../format/derive/derive-format.ts";
import type { ChatFormat } from "../format/format.ts";
import { withMarks } from "../format/marks.ts";
import { llamaCases } from "./llama-cases.ts";
import { type RoundTrip, roundTrips } from "./round-trips.ts";

export type Way = "text" | "marks";

export interface TemplateFormats {
  readonly formats: ReadonlyMap<string, Readonly<Record<Way, ChatFormat>>>;
  readonly trips: readonly RoundTrip[];
}

export async function templateFormats(): Promise<TemplateFormats> {
  const { templates } = llamaCases();
  const renderer = createTemplateRenderer();
  const formats = new Map<string, Record<Way, ChatFormat>>();
  try {
    const trips: RoundTrip[] = [];
    for (const [name, source] of llamaTemplates()) {
      const template = await renderer.open({ source, bosText: "", eosText: "</s>" });
      const render = (values: Readonly<Record<string, unknown>>): Promise<string> =>
        template.render({ messages: [], add_generation_prompt: false, ...values });
      const text = await deriveFormat({ source, render, spentSteps: template.spentSteps });
      const tokens = new Set(templates.get(name)?.preservedTokens);
      formats.set(name, { text, marks: withMarks(text, (one) => tokens.has(one)) });
      trips.push(...(await roundTrips(name, render)).cases);
    }
    return { formats, trips };
  } finally {
    await renderer.close();
  }
}

/** The formats with markers as text, by the template's name. */
export async function derivedFormats(): Promise<Map<string, ChatFormat>> {
  const renderer = createTemplateRenderer();
  const formats = new Map<string, ChatFormat>();
  try {
    for (const [name, source] of llamaTemplates()) {
      const template = await renderer.open({ source, bosText: "<s>", eosText: "</s>" });
      const render = (values: Readonly<Record<string, unknown>>): Promise<string> =>
        template.render(values as TemplateValues);
      formats.set(name, await deriveFormat({ render, source, spentSteps: template.spentSteps }));
    }
    return formats;
  } finally {
    await renderer.close();
  }
}
