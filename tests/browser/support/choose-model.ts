// Owns the choice of a model in the chat: the button in the header, and the dialog that it opens.
import type { Locator, Page } from "playwright-core";

export function modelsButton(page: Page): Locator {
  return page.getByRole("button", { name: /^Models: / });
}

/** Resolves once the header names the model. */
export async function waitForModel(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^Models: ${name}(, |$)`) }).waitFor();
}

export async function chooseModel(page: Page, name: string): Promise<void> {
  await modelsButton(page).click();
  await page
    .locator(`[data-model="${name}"]`)
    .getByRole("button", { name: `Use ${name}`, exact: true })
    .click();
  await waitForModel(page, name);
}
