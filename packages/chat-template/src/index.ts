export {
  createTemplateRenderer,
  type ChatTemplate,
  type TemplateRenderer,
  type TemplateRendererOptions,
  type TemplateSources,
  type TemplateValues,
} from "./lib/chat-template.ts";
export { compileTemplate, type CompiledTemplate, type RenderOptions } from "./lib/compiled-template.ts";
export { defaultRenderLimits, type RenderLimits } from "./lib/limits.ts";
export { TemplateError, type TemplateErrorReason } from "./lib/template-error.ts";
export { defaultThreadLimits, type ThreadLimits } from "./lib/thread/task-runner.ts";
export { renderHere } from "./lib/thread/render-here.ts";
export { jsonText, type JsonText } from "./lib/values/input.ts";
