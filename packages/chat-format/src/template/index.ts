export {
  createTemplateRenderer,
  type ChatTemplate,
  type TemplateRenderer,
  type TemplateRendererOptions,
  type TemplateSources,
  type TemplateValues,
} from "./chat-template.ts";
export { compileTemplate, type CompiledTemplate, type RenderOptions } from "./compiled-template.ts";
export { defaultRenderLimits, type RenderLimits } from "./limits.ts";
export { TemplateError, type TemplateErrorReason } from "./template-error.ts";
export { defaultThreadLimits, renderHere, type ThreadLimits } from "./thread/task-runner.ts";
export { jsonText, type JsonText } from "./values/input.ts";
