// Owns what all components of the chat page share: the page's parts, and the visitor's actions.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ModelControls } from "../models/model-controls.ts";
import type { Api } from "../wire/api.ts";
import type { DraftFiles } from "./attachments/draft-files.ts";
import type { Chat } from "./chat.ts";
import type { Drafts } from "./composer/drafts.ts";
import type { McpServerList } from "./mcp/mcp-servers.ts";
import type { ModelChoice } from "./model/model-choice.ts";
import type { WorkerAbout } from "./model/worker-about.ts";
import type { Conversations } from "./storage/conversations.ts";
import type { Deletions } from "./storage/deletions.ts";
import type { Library } from "./storage/library.ts";

export interface PageParts {
  readonly api: Api;
  readonly chat: Chat;
  readonly conversations: Conversations;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  readonly controls: ModelControls;
  readonly drafts: Drafts;
  readonly draftFiles: DraftFiles;
  readonly deletions: Deletions;
  readonly library: Library;
  readonly mcpServers: McpServerList;
}

export interface Page extends PageParts {
  openSettings(): void;
  /** Sets the model of this conversation and of new ones, with the focus in the message box. */
  chooseModel(model: string): void;
  /** Shows an answer next to another answer to the same message. */
  compare(answerId: string): void;
  /** Shows a conversation, or a new one; at one of its messages, or else with the focus in the message box. */
  show(id: string | undefined, messageId?: string): void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error("This component is outside the chat page.");
  return page;
}
