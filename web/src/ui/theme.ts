// SPDX-License-Identifier: Apache-2.0
// Mantine with our type, space and colours. The colours themselves are in tokens.css, so that all three themes are one style sheet.
import { createTheme, defaultVariantColorsResolver } from "@mantine/core";
import type { VariantColorsResolver } from "@mantine/core";

/** What is filled has the colours of tokens.css, whose pairs hold their contrast in all three themes. */
const colours: VariantColorsResolver = (input) => {
  if (input.variant !== "filled") return defaultVariantColorsResolver(input);
  const name = input.color === "red" ? { background: "var(--fw-bad)", color: "var(--fw-surface)" } : { background: "var(--fw-sea)", color: "var(--fw-on-sea)" };
  return { ...name, hover: `color-mix(in srgb, ${name.background} 88%, var(--fw-ink))`, border: "1px solid transparent" };
};

/** Not a banner of the page, which <header> would be in a dialog outside of it. */
const noBanner = { header: { role: "presentation" } };

export const theme = createTheme({
  fontFamily: "var(--fw-text)",
  fontFamilyMonospace: "var(--fw-mono)",
  primaryColor: "cyan",
  variantColorResolver: colours,
  autoContrast: true,
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  defaultRadius: "md",
  components: {
    Button: { defaultProps: { size: "sm", variant: "default" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: 32 } },
    Modal: { defaultProps: { attributes: noBanner, centered: true, transitionProps: { duration: 120 }, closeButtonProps: { "aria-label": "Close" } } },
    Drawer: { defaultProps: { attributes: noBanner, transitionProps: { duration: 150 }, closeButtonProps: { "aria-label": "Close" } } },
    Menu: { defaultProps: { transitionProps: { duration: 120 }, shadow: "md", position: "bottom-end" } },
    Popover: { defaultProps: { transitionProps: { duration: 120 }, shadow: "md" } },
    Tooltip: { defaultProps: { openDelay: 400, transitionProps: { duration: 100 }, events: { hover: true, focus: true, touch: false } } },
    Select: { defaultProps: { checkIconPosition: "right" } },
    PasswordInput: { defaultProps: { visibilityToggleButtonProps: { "aria-label": "Show what is typed" } } },
  },
});
