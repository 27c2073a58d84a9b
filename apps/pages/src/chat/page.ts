// Owns what all components of the chat page share: the visitor's actions, and the choice of the model.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Chat } from "./chat.ts";
import type { ModelChoice } from "./model/model-choice.ts";

export interface Page {
  readonly chat: Chat;
  readonly choice: ModelChoice;
  openSettings(): void;
  openModels(): void;
  /** What its MCP server says about a tool, by the name under which the model calls it. */
  describeTool(name: string): Promise<string | undefined>;
  giveToken(): void;
  /** Deletes a message or an answer of the shown conversation. */
  deleteMessage(messageId: string): void;
  /** Shows an answer next to another answer to the same message. */
  compare(answerId: string): void;
  /** Finds the file of a picture in the shown conversation or its draft. */
  findPicture(id: string): Promise<Blob | undefined>;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error("This component is outside the chat page.");
  return page;
}
