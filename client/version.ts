/** The version of this package. Equal to package.json's and to the relay's; a test keeps it so. */
export const VERSION = "0.1.0";
