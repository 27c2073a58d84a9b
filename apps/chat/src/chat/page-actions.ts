// Owns what parts deep in the chat page may ask of the page as a whole.
import { createContext } from "preact";

export interface PageActions {
  openSettings(): void;
  giveToken(): void;
}

/** The page fills it in; a part that is shown outside one asks for nothing. */
export const PageActionsContext = createContext<PageActions>({ openSettings() {}, giveToken() {} });
