/** The reader's language, chosen by the browser's settings, and every text in it.
 *
 * index.html runs this module before the others, so that one round trip fetches the texts beside them. */
const LANGUAGES = ['en', 'de']; // each is a module of ../../messages/

const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
export const language = spoken.find((each) => LANGUAGES.includes(each)) ?? LANGUAGES[0];
export const { default: messages } = await import(`../../messages/${language}.js`);
