// Owns rendering a conversation with the model's own chat template. It gives text; what becomes a token is decided elsewhere.
// The template runs as its author wrote it: the wrappers of node-llama-cpp rewrite what it says, down to switching off the thinking of
// models that think.
import { Template } from "@huggingface/jinja";
import type { TemplateMessage, TemplateTool } from "@waggle/engine";
import { refuseField } from "./field-error.ts";
import { knowsTools, withoutTools } from "./generic-tools.ts";

/** A template may say anything when it refuses. */
const maxReasonChars = 200;

/** For models without a template whose vocabulary has ChatML's markers. Jinja drops the last newline of a template. */
const chatMl = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant

`;

/** For models without either: plain text that any model can continue. */
const plain = `{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}

{% endfor %}Assistant:`;

export interface ChatTemplateOptions {
  /** The GGUF's `tokenizer.chat_template`. */
  readonly source: string | undefined;
  readonly hasChatMl: boolean;
  readonly bosText: string;
  readonly eosText: string;
}

export interface Conversation {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly TemplateTool[];
}

export interface ChatTemplate {
  /**
   * The conversation up to where the assistant is to speak.
   * @throws WaggleError invalid_argument when the template cannot render these messages
   */
  render(conversation: Conversation): string;
}

export function createChatTemplate({ source, hasChatMl, bosText, eosText }: ChatTemplateOptions): ChatTemplate {
  let template: Template | undefined;

  return {
    render({ messages: given, tools: offered = [] }) {
      const native = knowsTools(source);
      const messages = native ? given : withoutTools(given, offered);
      const tools = native ? offered : [];
      try {
        template ??= new Template(source ?? (hasChatMl ? chatMl : plain));
        return template.render({
          messages,
          ...(tools.length === 0 ? {} : { tools }),
          bos_token: bosText,
          eos_token: eosText,
          add_generation_prompt: true,
        });
      } catch (error) {
        const what = template === undefined ? "cannot be read" : "does not take them";
        const reason = (error as Error).message.slice(0, maxReasonChars);
        throw refuseField("messages", `the model's chat template ${what}: ${reason}`, error);
      }
    },
  };
}
