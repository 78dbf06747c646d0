// SPDX-License-Identifier: Apache-2.0
/** What the server takes as a password (src/modules/identity/password.c); it says which rule a refused one breaks. */
export const PASSWORD_RULES = "8 to 256 characters. A few words in a row are good; your name, your address and what everybody tries first are not.";
