// Owns the two ways in which tasks.test.ts uses the pages: with a mouse, and with the keyboard alone. Each counts what it needs.
import type { Locator, Page } from "playwright-core";

export interface Hand {
  readonly name: "mouse" | "keyboard";
  readonly used: {
    /** Clicks of the mouse, or keys apart from the texts. */
    presses: number;
    /** Texts that were typed. */
    texts: number;
  };
  /**
   * Presses a button, a link or a switch.
   * @param near what a mouse points at first, where the button shows only then
   */
  press(target: Locator, near?: Locator): Promise<void>;
  type(target: Locator, text: string): Promise<void>;
  /** Chooses an option of a list by its value. */
  choose(target: Locator, value: string): Promise<void>;
  key(key: string): Promise<void>;
}

/** More Tab keys than any page has controls. */
const mostTabs = 250;

export function mouse(page: Page): Hand {
  const used = { presses: 0, texts: 0 };
  return {
    name: "mouse",
    used,
    async press(target, near) {
      await near?.hover();
      await target.click();
      used.presses += 1;
    },
    async type(target, text) {
      if (!(await hasFocus(target))) {
        await target.click();
        used.presses += 1;
      }
      await target.fill(text);
      used.texts += 1;
    },
    async choose(target, value) {
      await target.selectOption({ value });
      used.presses += 2;
    },
    key: async (key) => await page.keyboard.press(key),
  };
}

export function keyboard(page: Page): Hand {
  const used = { presses: 0, texts: 0 };

  async function key(pressed: string): Promise<void> {
    await page.keyboard.press(pressed);
    used.presses += 1;
  }

  /** @throws Error if the control cannot be reached, or shows no focus */
  async function reach(target: Locator): Promise<void> {
    await target.waitFor({ state: "attached" });
    for (let tabs = 0; !(await hasFocus(target)); tabs++) {
      if (tabs === mostTabs) throw new Error(`Cannot reach ${String(target)} with the Tab key`);
      await key("Tab");
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
    name: "keyboard",
    used,
    key,
    async press(target) {
      await reach(target);
      const isSwitch = await target.evaluate((element) => element instanceof HTMLInputElement);
      await key(isSwitch ? "Space" : "Enter");
    },
    async type(target, text) {
      await reach(target);
      await target.fill(text);
      used.texts += 1;
    },
    async choose(target, value) {
      await reach(target);
      // The list can get another option meanwhile: the newest hour, for example.
      const steps = (): Promise<number> =>
        target.evaluate((element, wanted) => {
          const { options, selectedIndex } = element as HTMLSelectElement;
          return [...options].findIndex((option) => option.value === wanted) - selectedIndex;
        }, value);
      for (let left = await steps(); left !== 0; left = await steps()) await key(left > 0 ? "ArrowDown" : "ArrowUp");
    },
  };
}

function hasFocus(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element === document.activeElement).catch(() => false);
}
