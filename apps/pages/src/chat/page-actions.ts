// Owns the actions of the whole chat page that nested components can call.
import { createContext } from "preact";

export interface PageActions {
  openSettings(): void;
  openModels(): void;
  /** What its MCP server says about a tool, by the name under which the model calls it. */
  describeTool(name: string): Promise<string | undefined>;
  giveToken(): void;
  /** Deletes a message or an answer of the shown conversation. */
  deleteMessage(messageId: string): void;
  /** Shows an answer next to another answer to the same message. */
  compare(answerId: string): void;
}

/** The page provides the actions; in a component outside the page they have no effect. */
export const PageActionsContext = createContext<PageActions>({
  openSettings() {},
  openModels() {},
  describeTool: async () => await Promise.resolve(undefined),
  giveToken() {},
  deleteMessage() {},
  compare() {},
});
