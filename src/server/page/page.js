"use strict";
// Nothing is drawn yet: the page is its link.
document.title = "tidegate";
