import "./composer.js";
import "./elapsed.js";
import "./focus.js";
import "./menu.js";
import "./notices.js";
import "./print.js";
import "./scroll.js";
import "./tables.js";
