/** The reader's language, chosen by the browser's settings, and every text in it. */
const LANGUAGES = ['en', 'de']; // each is a module of ../../messages/

const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
export const language = spoken.find((each) => LANGUAGES.includes(each)) ?? LANGUAGES[0];
export let messages = {};
export let reasons;

/** Resolves once the texts are there; nothing is shown before. */
export async function fetchTexts() {
  ({ default: messages, reasons = [] } = await import(`../../messages/${language}.js`));
}
