// Owns the formats of llama.cpp's templates for tests, each derived once.
import { createTemplateRenderer } from "../template/index.ts";
import type { TemplateValues } from "../template/index.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { deriveFormat } from "../format/derive/derive-format.ts";
import type { ChatFormat } from "../format/format.ts";

/** By the template's name. */
export async function derivedFormats(
  names: Iterable<string> = llamaTemplates().keys(),
): Promise<Map<string, ChatFormat>> {
  const renderer = createTemplateRenderer();
  const formats = new Map<string, ChatFormat>();
  try {
    for (const name of names) {
      const source = llamaTemplates().get(name) ?? "";
      const template = await renderer.open({ source, bosText: "<s>", eosText: "</s>" });
      const render = async (values: Readonly<Record<string, unknown>>): Promise<string> =>
        await template.render(values as TemplateValues);
      formats.set(name, await deriveFormat({ render, source: template.sourceFor(true), spentMs: template.spentMs }));
    }
  } finally {
    await renderer.close();
  }
  return formats;
}
