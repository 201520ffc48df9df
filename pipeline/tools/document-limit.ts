/** How large a document of a published tree may be: who can write there must not decide how much memory it takes to read it. */
export const documentLimitBytes = 16 * 1024 * 1024
