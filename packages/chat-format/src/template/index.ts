export {
  createTemplateRenderer,
  type ChatTemplate,
  type TemplateRenderer,
  type TemplateRendererOptions,
  type TemplateValues,
} from "./chat-template.ts";
export { compileTemplate } from "./compiled-template.ts";
export { TemplateError } from "./template-error.ts";
export { renderHere } from "./render-task.ts";
