// Owns the use of a page with the keyboard alone, as in tasks.test.ts. A control must be reachable with the Tab key, and show its focus.
import type { Locator, Page } from "playwright-core";

export interface Keyboard {
  /** Presses a button, a link or a switch. */
  press(target: Locator): Promise<void>;
  type(target: Locator, text: string): Promise<void>;
  /** Chooses an option of a list by its value. */
  choose(target: Locator, value: string): Promise<void>;
}

/** More Tab keys than any page has controls. */
const mostTabs = 250;

export function keyboard(page: Page): Keyboard {
  /** @throws Error if the control cannot be reached, or shows no focus */
  async function reach(target: Locator): Promise<void> {
    await target.waitFor({ state: "attached" });
    for (let tabs = 0; !(await hasFocus(target)); tabs++) {
      if (tabs === mostTabs) throw new Error(`Cannot reach ${String(target)} with the Tab key`);
      await page.keyboard.press("Tab");
    }
    // The message box shows its focus at the frame around it.
    const shows = await target.evaluate((element) => {
      const frames = [element, element.parentElement, element.closest(".composer, label, li")];
      return frames.some((frame) => {
        if (frame === null) return false;
        const { outlineStyle, boxShadow } = getComputedStyle(frame);
        return outlineStyle !== "none" || boxShadow !== "none";
      });
    });
    if (!shows) throw new Error(`${String(target)} shows no focus`);
    const isVisible = await target.evaluate((element) =>
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
    );
    if (!isVisible) throw new Error(`${String(target)} has the focus and is invisible`);
  }

  return {
    async press(target) {
      await reach(target);
      const isSwitch = await target.evaluate((element) => element instanceof HTMLInputElement);
      await page.keyboard.press(isSwitch ? "Space" : "Enter");
    },
    async type(target, text) {
      await reach(target);
      await target.fill(text);
    },
    async choose(target, value) {
      await reach(target);
      // The list can get another option meanwhile: the newest hour, for example.
      const steps = (): Promise<number> =>
        target.evaluate((element, wanted) => {
          const { options, selectedIndex } = element as HTMLSelectElement;
          return [...options].findIndex((option) => option.value === wanted) - selectedIndex;
        }, value);
      for (let left = await steps(); left !== 0; left = await steps())
        await page.keyboard.press(left > 0 ? "ArrowDown" : "ArrowUp");
    },
  };
}

function hasFocus(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element === document.activeElement).catch(() => false);
}
