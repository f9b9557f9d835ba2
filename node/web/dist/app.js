// src/vendor/preact/preact.module.js
var n;
var l;
var u;
var t;
var i;
var r;
var o;
var e;
var f;
var c;
var a;
var s;
var h;
var p;
var v;
var y;
var d = {};
var w = [];
var _ = /acit|ex(?:s|g|n|p|$)|rph|grid|ows|mnc|ntw|ine[ch]|zoo|^ord|itera/i;
var g = Array.isArray;
function m(n2, l3) {
  for (var u3 in l3) n2[u3] = l3[u3];
  return n2;
}
function b(n2) {
  n2 && n2.parentNode && n2.parentNode.removeChild(n2);
}
function k(l3, u3, t4) {
  var i3, r3, o3, e3 = {};
  for (o3 in u3) "key" == o3 ? i3 = u3[o3] : "ref" == o3 ? r3 = u3[o3] : e3[o3] = u3[o3];
  if (arguments.length > 2 && (e3.children = arguments.length > 3 ? n.call(arguments, 2) : t4), "function" == typeof l3 && null != l3.defaultProps) for (o3 in l3.defaultProps) void 0 === e3[o3] && (e3[o3] = l3.defaultProps[o3]);
  return x(l3, e3, i3, r3, null);
}
function x(n2, t4, i3, r3, o3) {
  var e3 = { type: n2, props: t4, key: i3, ref: r3, __k: null, __: null, __b: 0, __e: null, __c: null, constructor: void 0, __v: null == o3 ? ++u : o3, __i: -1, __u: 0 };
  return null == o3 && null != l.vnode && l.vnode(e3), e3;
}
function S(n2) {
  return n2.children;
}
function C(n2, l3) {
  this.props = n2, this.context = l3;
}
function $(n2, l3) {
  if (null == l3) return n2.__ ? $(n2.__, n2.__i + 1) : null;
  for (var u3; l3 < n2.__k.length; l3++) if (null != (u3 = n2.__k[l3]) && null != u3.__e) return u3.__e;
  return "function" == typeof n2.type ? $(n2) : null;
}
function I(n2) {
  if (n2.__P && n2.__d) {
    var u3 = n2.__v, t4 = u3.__e, i3 = [], r3 = [], o3 = m({}, u3);
    o3.__v = u3.__v + 1, l.vnode && l.vnode(o3), q(n2.__P, o3, u3, n2.__n, n2.__P.namespaceURI, 32 & u3.__u ? [t4] : null, i3, null == t4 ? $(u3) : t4, !!(32 & u3.__u), r3), o3.__v = u3.__v, o3.__.__k[o3.__i] = o3, D(i3, o3, r3), u3.__e = u3.__ = null, o3.__e != t4 && P(o3);
  }
}
function P(n2) {
  if (null != (n2 = n2.__) && null != n2.__c) return n2.__e = n2.__c.base = null, n2.__k.some(function(l3) {
    if (null != l3 && null != l3.__e) return n2.__e = n2.__c.base = l3.__e;
  }), P(n2);
}
function A(n2) {
  (!n2.__d && (n2.__d = true) && i.push(n2) && !H.__r++ || r != l.debounceRendering) && ((r = l.debounceRendering) || o)(H);
}
function H() {
  try {
    for (var n2, l3 = 1; i.length; ) i.length > l3 && i.sort(e), n2 = i.shift(), l3 = i.length, I(n2);
  } finally {
    i.length = H.__r = 0;
  }
}
function L(n2, l3, u3, t4, i3, r3, o3, e3, f3, c3, a3) {
  var s3, h3, p3, v3, y3, _3, g2 = t4 && t4.__k || w, m3 = l3.length;
  for (f3 = T(u3, l3, g2, f3, m3), s3 = 0; s3 < m3; s3++) null != (p3 = u3.__k[s3]) && (h3 = -1 != p3.__i && g2[p3.__i] || d, p3.__i = s3, _3 = q(n2, p3, h3, i3, r3, o3, e3, f3, c3, a3), v3 = p3.__e, p3.ref && h3.ref != p3.ref && (h3.ref && J(h3.ref, null, p3), a3.push(p3.ref, p3.__c || v3, p3)), null == y3 && null != v3 && (y3 = v3), 4 & p3.__u ? (f3 = j(p3, f3, n2), h3.__e && (h3.__e = null)) : "function" == typeof p3.type && void 0 !== _3 ? f3 = _3 : v3 && (f3 = v3.nextSibling), p3.__u &= -7);
  return u3.__e = y3, f3;
}
function T(n2, l3, u3, t4, i3) {
  var r3, o3, e3, f3, c3, a3 = u3.length, s3 = a3, h3 = 0;
  for (n2.__k = new Array(i3), r3 = 0; r3 < i3; r3++) null != (o3 = l3[r3]) && "boolean" != typeof o3 && "function" != typeof o3 ? ("string" == typeof o3 || "number" == typeof o3 || "bigint" == typeof o3 || o3.constructor == String ? o3 = n2.__k[r3] = x(null, o3, null, null, null) : g(o3) ? o3 = n2.__k[r3] = x(S, { children: o3 }, null, null, null) : void 0 === o3.constructor && o3.__b > 0 ? o3 = n2.__k[r3] = x(o3.type, o3.props, o3.key, o3.ref ? o3.ref : null, o3.__v) : n2.__k[r3] = o3, f3 = r3 + h3, o3.__ = n2, o3.__b = n2.__b + 1, e3 = null, -1 != (c3 = o3.__i = O(o3, u3, f3, s3)) && (s3--, (e3 = u3[c3]) && (e3.__u |= 2)), null == e3 || null == e3.__v ? (-1 == c3 && (i3 > a3 ? h3-- : i3 < a3 && h3++), "function" != typeof o3.type && (o3.__u |= 4)) : c3 != f3 && (c3 == f3 - 1 ? h3-- : c3 == f3 + 1 ? h3++ : (c3 > f3 ? h3-- : h3++, o3.__u |= 4))) : n2.__k[r3] = null;
  if (s3) for (r3 = 0; r3 < a3; r3++) null != (e3 = u3[r3]) && 0 == (2 & e3.__u) && (e3.__e == t4 && (t4 = $(e3)), K(e3, e3));
  return t4;
}
function j(n2, l3, u3) {
  var t4, i3;
  if ("function" == typeof n2.type) {
    for (t4 = n2.__k, i3 = 0; t4 && i3 < t4.length; i3++) t4[i3] && (t4[i3].__ = n2, l3 = j(t4[i3], l3, u3));
    return l3;
  }
  n2.__e != l3 && (l3 && n2.type && !l3.parentNode && (l3 = $(n2)), l3 = u3.insertBefore(n2.__e, l3 || null));
  do {
    l3 = l3 && l3.nextSibling;
  } while (null != l3 && 8 == l3.nodeType);
  return l3;
}
function O(n2, l3, u3, t4) {
  var i3, r3, o3, e3 = n2.key, f3 = n2.type, c3 = l3[u3], a3 = null != c3 && 0 == (2 & c3.__u);
  if (null === c3 && null == e3 || a3 && e3 == c3.key && f3 == c3.type) return u3;
  if (t4 > (a3 ? 1 : 0)) {
    for (i3 = u3 - 1, r3 = u3 + 1; i3 >= 0 || r3 < l3.length; ) if (null != (c3 = l3[o3 = i3 >= 0 ? i3-- : r3++]) && 0 == (2 & c3.__u) && e3 == c3.key && f3 == c3.type) return o3;
  }
  return -1;
}
function z(n2, l3, u3) {
  "-" == l3[0] ? n2.setProperty(l3, null == u3 ? "" : u3) : n2[l3] = null == u3 ? "" : "number" != typeof u3 || _.test(l3) ? u3 : u3 + "px";
}
function N(n2, l3, u3, t4, i3) {
  var r3, o3;
  n: if ("style" == l3) if ("string" == typeof u3) n2.style.cssText = u3;
  else {
    if ("string" == typeof t4 && (n2.style.cssText = t4 = ""), t4) for (l3 in t4) u3 && l3 in u3 || z(n2.style, l3, "");
    if (u3) for (l3 in u3) t4 && u3[l3] == t4[l3] || z(n2.style, l3, u3[l3]);
  }
  else if ("o" == l3[0] && "n" == l3[1]) r3 = l3 != (l3 = l3.replace(s, "$1")), o3 = l3.toLowerCase(), l3 = o3 in n2 || "onFocusOut" == l3 || "onFocusIn" == l3 ? o3.slice(2) : l3.slice(2), n2.l || (n2.l = {}), n2.l[l3 + r3] = u3, u3 ? t4 ? u3[a] = t4[a] : (u3[a] = h, n2.addEventListener(l3, r3 ? v : p, r3)) : n2.removeEventListener(l3, r3 ? v : p, r3);
  else {
    if ("http://www.w3.org/2000/svg" == i3) l3 = l3.replace(/xlink(H|:h)/, "h").replace(/sName$/, "s");
    else if ("width" != l3 && "height" != l3 && "href" != l3 && "list" != l3 && "form" != l3 && "tabIndex" != l3 && "download" != l3 && "rowSpan" != l3 && "colSpan" != l3 && "role" != l3 && "popover" != l3 && l3 in n2) try {
      n2[l3] = null == u3 ? "" : u3;
      break n;
    } catch (n3) {
    }
    "function" == typeof u3 || (null == u3 || false === u3 && "-" != l3[4] ? n2.removeAttribute(l3) : n2.setAttribute(l3, "popover" == l3 && 1 == u3 ? "" : u3));
  }
}
function V(n2) {
  return function(u3) {
    if (this.l) {
      var t4 = this.l[u3.type + n2];
      if (null == u3[c]) u3[c] = h++;
      else if (u3[c] < t4[a]) return;
      return t4(l.event ? l.event(u3) : u3);
    }
  };
}
function q(n2, u3, t4, i3, r3, o3, e3, f3, c3, a3) {
  var s3, h3, p3, v3, y3, d3, _3, k3, x2, M, I2, P2, A3, H2, T3, j3, F = u3.type;
  if (void 0 !== u3.constructor) return null;
  128 & t4.__u && (c3 = !!(32 & t4.__u), o3 = [f3 = u3.__e = t4.__e]), (s3 = l.__b) && s3(u3);
  n: if ("function" == typeof F) {
    h3 = e3.length;
    try {
      if (x2 = u3.props, M = F.prototype && F.prototype.render, I2 = (s3 = F.contextType) && i3[s3.__c], P2 = s3 ? I2 ? I2.props.value : s3.__ : i3, t4.__c ? k3 = (p3 = u3.__c = t4.__c).__ = p3.__E : (M ? u3.__c = p3 = new F(x2, P2) : (u3.__c = p3 = new C(x2, P2), p3.constructor = F, p3.render = Q), I2 && I2.sub(p3), p3.state || (p3.state = {}), p3.__n = i3, v3 = p3.__d = true, p3.__h = [], p3._sb = []), M && null == p3.__s && (p3.__s = p3.state), M && null != F.getDerivedStateFromProps && (p3.__s == p3.state && (p3.__s = m({}, p3.__s)), m(p3.__s, F.getDerivedStateFromProps(x2, p3.__s))), y3 = p3.props, d3 = p3.state, p3.__v = u3, v3) M && null == F.getDerivedStateFromProps && null != p3.componentWillMount && p3.componentWillMount(), M && null != p3.componentDidMount && p3.__h.push(p3.componentDidMount);
      else {
        if (M && null == F.getDerivedStateFromProps && x2 !== y3 && null != p3.componentWillReceiveProps && p3.componentWillReceiveProps(x2, P2), u3.__v == t4.__v || !p3.__e && null != p3.shouldComponentUpdate && false === p3.shouldComponentUpdate(x2, p3.__s, P2)) {
          u3.__v != t4.__v && (p3.props = x2, p3.state = p3.__s, p3.__d = false), u3.__e = t4.__e, u3.__k = t4.__k, u3.__k.some(function(n3) {
            n3 && (n3.__ = u3);
          }), w.push.apply(p3.__h, p3._sb), p3._sb = [], p3.__h.length && e3.push(p3), f3 = $(t4);
          break n;
        }
        null != p3.componentWillUpdate && p3.componentWillUpdate(x2, p3.__s, P2), M && null != p3.componentDidUpdate && p3.__h.push(function() {
          p3.componentDidUpdate(y3, d3, _3);
        });
      }
      if (p3.context = P2, p3.props = x2, p3.__P = n2, p3.__e = false, A3 = l.__r, H2 = 0, M) p3.state = p3.__s, p3.__d = false, A3 && A3(u3), s3 = p3.render(p3.props, p3.state, p3.context), w.push.apply(p3.__h, p3._sb), p3._sb = [];
      else do {
        p3.__d = false, A3 && A3(u3), s3 = p3.render(p3.props, p3.state, p3.context), p3.state = p3.__s;
      } while (p3.__d && ++H2 < 25);
      p3.state = p3.__s, null != p3.getChildContext && (i3 = m(m({}, i3), p3.getChildContext())), M && !v3 && null != p3.getSnapshotBeforeUpdate && (_3 = p3.getSnapshotBeforeUpdate(y3, d3)), T3 = null != s3 && s3.type === S && null == s3.key ? E(s3.props.children) : s3, f3 = L(n2, g(T3) ? T3 : [T3], u3, t4, i3, r3, o3, e3, f3, c3, a3), p3.base = u3.__e, u3.__u &= -161, p3.__h.length && e3.push(p3), k3 && (p3.__E = p3.__ = null);
    } catch (n3) {
      if (e3.length = h3, u3.__v = null, c3 || null != o3) {
        if (n3.then) {
          for (u3.__u |= c3 ? 160 : 128; f3 && 8 == f3.nodeType && f3.nextSibling; ) f3 = f3.nextSibling;
          null != o3 && (o3[o3.indexOf(f3)] = null), u3.__e = f3;
        } else if (null != o3) for (j3 = o3.length; j3--; ) b(o3[j3]);
      } else u3.__e = t4.__e;
      null == u3.__k && (u3.__k = t4.__k || []), n3.then || B(u3), l.__e(n3, u3, t4);
    }
  } else null == o3 && u3.__v == t4.__v ? (u3.__k = t4.__k, u3.__e = t4.__e) : f3 = u3.__e = G(t4.__e, u3, t4, i3, r3, o3, e3, c3, a3);
  return (s3 = l.diffed) && s3(u3), 128 & u3.__u ? void 0 : f3;
}
function B(n2) {
  n2 && (n2.__c && (n2.__c.__e = true), n2.__k && n2.__k.some(B));
}
function D(n2, u3, t4) {
  for (var i3 = 0; i3 < t4.length; i3++) J(t4[i3], t4[++i3], t4[++i3]);
  l.__c && l.__c(u3, n2), n2.some(function(u4) {
    try {
      n2 = u4.__h, u4.__h = [], n2.some(function(n3) {
        n3.call(u4);
      });
    } catch (n3) {
      l.__e(n3, u4.__v);
    }
  });
}
function E(n2) {
  return "object" != typeof n2 || null == n2 || n2.__b > 0 ? n2 : g(n2) ? n2.map(E) : void 0 !== n2.constructor ? null : m({}, n2);
}
function G(u3, t4, i3, r3, o3, e3, f3, c3, a3) {
  var s3, h3, p3, v3, y3, w3, _3, m3 = i3.props || d, k3 = t4.props, x2 = t4.type;
  if ("svg" == x2 ? o3 = "http://www.w3.org/2000/svg" : "math" == x2 ? o3 = "http://www.w3.org/1998/Math/MathML" : o3 || (o3 = "http://www.w3.org/1999/xhtml"), null != e3) {
    for (s3 = 0; s3 < e3.length; s3++) if ((y3 = e3[s3]) && "setAttribute" in y3 == !!x2 && (x2 ? y3.localName == x2 : 3 == y3.nodeType)) {
      u3 = y3, e3[s3] = null;
      break;
    }
  }
  if (null == u3) {
    if (null == x2) return document.createTextNode(k3);
    u3 = document.createElementNS(o3, x2, k3.is && k3), c3 && (l.__m && l.__m(t4, e3), c3 = false), e3 = null;
  }
  if (null == x2) m3 === k3 || c3 && u3.data == k3 || (u3.data = k3);
  else {
    if (e3 = "textarea" == x2 && null != k3.defaultValue ? null : e3 && n.call(u3.childNodes), !c3 && null != e3) for (m3 = {}, s3 = 0; s3 < u3.attributes.length; s3++) m3[(y3 = u3.attributes[s3]).name] = y3.value;
    for (s3 in m3) y3 = m3[s3], "dangerouslySetInnerHTML" == s3 ? p3 = y3 : "children" == s3 || s3 in k3 || "value" == s3 && "defaultValue" in k3 || "checked" == s3 && "defaultChecked" in k3 || N(u3, s3, null, y3, o3);
    for (s3 in k3) y3 = k3[s3], "children" == s3 ? v3 = y3 : "dangerouslySetInnerHTML" == s3 ? h3 = y3 : "value" == s3 ? w3 = y3 : "checked" == s3 ? _3 = y3 : c3 && "function" != typeof y3 || m3[s3] === y3 || N(u3, s3, y3, m3[s3], o3);
    if (h3) c3 || p3 && (h3.__html == p3.__html || h3.__html == u3.innerHTML) || (u3.innerHTML = h3.__html), t4.__k = [];
    else if (p3 && (u3.innerHTML = ""), L("template" == t4.type ? u3.content : u3, g(v3) ? v3 : [v3], t4, i3, r3, "foreignObject" == x2 ? "http://www.w3.org/1999/xhtml" : o3, e3, f3, e3 ? e3[0] : i3.__k && $(i3, 0), c3, a3), null != e3) for (s3 = e3.length; s3--; ) b(e3[s3]);
    c3 && "textarea" != x2 || (s3 = "value", "progress" == x2 && null == w3 ? u3.removeAttribute("value") : null != w3 && (w3 !== u3[s3] || "progress" == x2 && !w3 || "option" == x2 && w3 != m3[s3]) && N(u3, s3, w3, m3[s3], o3), s3 = "checked", null != _3 && _3 != u3[s3] && N(u3, s3, _3, m3[s3], o3));
  }
  return u3;
}
function J(n2, u3, t4) {
  try {
    if ("function" == typeof n2) {
      var i3 = "function" == typeof n2.__u;
      i3 && n2.__u(), i3 && null == u3 || (n2.__u = n2(u3));
    } else n2.current = u3;
  } catch (n3) {
    l.__e(n3, t4);
  }
}
function K(n2, u3, t4) {
  var i3, r3;
  if (l.unmount && l.unmount(n2), (i3 = n2.ref) && (i3.current && i3.current != n2.__e || J(i3, null, u3)), null != (i3 = n2.__c)) {
    if (i3.componentWillUnmount) try {
      i3.componentWillUnmount();
    } catch (n3) {
      l.__e(n3, u3);
    }
    i3.base = i3.__P = i3.__n = null;
  }
  if (i3 = n2.__k) for (r3 = 0; r3 < i3.length; r3++) i3[r3] && K(i3[r3], u3, t4 || "function" != typeof n2.type);
  t4 || b(n2.__e), n2.__c = n2.__ = n2.__e = void 0;
}
function Q(n2, l3, u3) {
  return this.constructor(n2, u3);
}
function R(u3, t4, i3) {
  var r3, o3, e3, f3;
  t4 == document && (t4 = document.documentElement), l.__ && l.__(u3, t4), o3 = (r3 = "function" == typeof i3) ? null : i3 && i3.__k || t4.__k, e3 = [], f3 = [], q(t4, u3 = (!r3 && i3 || t4).__k = k(S, null, [u3]), o3 || d, d, t4.namespaceURI, !r3 && i3 ? [i3] : o3 ? null : t4.firstChild ? n.call(t4.childNodes) : null, e3, !r3 && i3 ? i3 : o3 ? o3.__e : t4.firstChild, r3, f3), D(e3, u3, f3), u3.props.children = null;
}
n = w.slice, l = { __e: function(n2, l3, u3, t4) {
  for (var i3, r3, o3; l3 = l3.__; ) if ((i3 = l3.__c) && !i3.__) try {
    if ((r3 = i3.constructor) && null != r3.getDerivedStateFromError && (i3.setState(r3.getDerivedStateFromError(n2)), o3 = i3.__d), null != i3.componentDidCatch && (i3.componentDidCatch(n2, t4 || {}), o3 = i3.__d), o3) return i3.__E = i3;
  } catch (l4) {
    n2 = l4;
  }
  throw n2;
} }, u = 0, t = function(n2) {
  return null != n2 && void 0 === n2.constructor;
}, C.prototype.setState = function(n2, l3) {
  var u3;
  u3 = null != this.__s && this.__s != this.state ? this.__s : this.__s = m({}, this.state), "function" == typeof n2 && (n2 = n2(m({}, u3), this.props)), n2 && m(u3, n2), null != n2 && this.__v && (l3 && this._sb.push(l3), A(this));
}, C.prototype.forceUpdate = function(n2) {
  this.__v && (this.__e = true, n2 && this.__h.push(n2), A(this));
}, C.prototype.render = S, i = [], o = "function" == typeof Promise ? Promise.prototype.then.bind(Promise.resolve()) : setTimeout, e = function(n2, l3) {
  return n2.__v.__b - l3.__v.__b;
}, H.__r = 0, f = Math.random().toString(8), c = "__d" + f, a = "__a" + f, s = /(PointerCapture)$|Capture$/i, h = 0, p = V(false), v = V(true), y = 0;

// src/vendor/preact-hooks/hooks.module.js
var t2;
var r2;
var u2;
var i2;
var o2 = 0;
var f2 = [];
var c2 = l;
var e2 = c2.__b;
var a2 = c2.__r;
var v2 = c2.diffed;
var l2 = c2.__c;
var m2 = c2.unmount;
var p2 = c2.__;
function s2(n2, t4) {
  c2.__h && c2.__h(r2, n2, o2 || t4), o2 = 0;
  var u3 = r2.__H || (r2.__H = { __: [], __h: [] });
  return n2 >= u3.__.length && u3.__.push({}), u3.__[n2];
}
function d2(n2) {
  return o2 = 1, y2(D2, n2);
}
function y2(n2, u3, i3) {
  var o3 = s2(t2++, 2);
  if (o3.t = n2, !o3.__c && (o3.__ = [i3 ? i3(u3) : D2(void 0, u3), function(n3) {
    var t4 = o3.__N ? o3.__N[0] : o3.__[0], r3 = o3.t(t4, n3);
    t4 !== r3 && (o3.__N = [r3, o3.__[1]], o3.__c.setState({}));
  }], o3.__c = r2, !r2.__f)) {
    var f3 = function(n3, t4, r3) {
      if (!o3.__c.__H) return true;
      var u4 = false, i4 = o3.__c.props !== n3;
      if (o3.__c.__H.__.some(function(n4) {
        if (n4.__N) {
          u4 = true;
          var t5 = n4.__[0];
          n4.__ = n4.__N, n4.__N = void 0, t5 !== n4.__[0] && (i4 = true);
        }
      }), c3) {
        var f4 = c3.call(this, n3, t4, r3);
        return u4 ? f4 || i4 : f4;
      }
      return !u4 || i4;
    };
    r2.__f = true;
    var c3 = r2.shouldComponentUpdate, e3 = r2.componentWillUpdate;
    r2.componentWillUpdate = function(n3, t4, r3) {
      if (this.__e) {
        var u4 = c3;
        c3 = void 0, f3(n3, t4, r3), c3 = u4;
      }
      e3 && e3.call(this, n3, t4, r3);
    }, r2.shouldComponentUpdate = f3;
  }
  return o3.__N || o3.__;
}
function h2(n2, u3) {
  var i3 = s2(t2++, 3);
  !c2.__s && C2(i3.__H, u3) && (i3.__ = n2, i3.u = u3, r2.__H.__h.push(i3));
}
function _2(n2, u3) {
  var i3 = s2(t2++, 4);
  !c2.__s && C2(i3.__H, u3) && (i3.__ = n2, i3.u = u3, r2.__h.push(i3));
}
function A2(n2) {
  return o2 = 5, T2(function() {
    return { current: n2 };
  }, []);
}
function T2(n2, r3) {
  var u3 = s2(t2++, 7);
  return C2(u3.__H, r3) && (u3.__ = n2(), u3.__H = r3, u3.__h = n2), u3.__;
}
function j2() {
  for (var n2; n2 = f2.shift(); ) {
    var t4 = n2.__H;
    if (n2.__P && t4) try {
      t4.__h.some(z2), t4.__h.some(B2), t4.__h = [];
    } catch (r3) {
      t4.__h = [], c2.__e(r3, n2.__v);
    }
  }
}
c2.__b = function(n2) {
  r2 = null, e2 && e2(n2);
}, c2.__ = function(n2, t4) {
  n2 && t4.__k && t4.__k.__m && (n2.__m = t4.__k.__m), p2 && p2(n2, t4);
}, c2.__r = function(n2) {
  a2 && a2(n2), t2 = 0;
  var i3 = (r2 = n2.__c).__H;
  i3 && (u2 === r2 ? (i3.__h = [], r2.__h = [], i3.__.some(function(n3) {
    n3.__N && (n3.__ = n3.__N), n3.u = n3.__N = void 0;
  })) : (i3.__h.some(z2), i3.__h.some(B2), i3.__h = [], t2 = 0)), u2 = r2;
}, c2.diffed = function(n2) {
  v2 && v2(n2);
  var t4 = n2.__c;
  t4 && t4.__H && (t4.__H.__h.length && (1 !== f2.push(t4) && i2 === c2.requestAnimationFrame || ((i2 = c2.requestAnimationFrame) || w2)(j2)), t4.__H.__.some(function(n3) {
    n3.u && (n3.__H = n3.u, n3.u = void 0);
  })), u2 = r2 = null;
}, c2.__c = function(n2, t4) {
  t4.some(function(n3) {
    try {
      n3.__h.some(z2), n3.__h = n3.__h.filter(function(n4) {
        return !n4.__ || B2(n4);
      });
    } catch (r3) {
      t4.some(function(n4) {
        n4.__h && (n4.__h = []);
      }), t4 = [], c2.__e(r3, n3.__v);
    }
  }), l2 && l2(n2, t4);
}, c2.unmount = function(n2) {
  m2 && m2(n2);
  var t4, r3 = n2.__c;
  r3 && r3.__H && (r3.__H.__.some(function(n3) {
    try {
      z2(n3);
    } catch (n4) {
      t4 = n4;
    }
  }), r3.__H = void 0, t4 && c2.__e(t4, r3.__v));
};
var k2 = "function" == typeof requestAnimationFrame;
function w2(n2) {
  var t4, r3 = function() {
    clearTimeout(u3), k2 && cancelAnimationFrame(t4), setTimeout(n2);
  }, u3 = setTimeout(r3, 35);
  k2 && (t4 = requestAnimationFrame(r3));
}
function z2(n2) {
  var t4 = r2, u3 = n2.__c;
  "function" == typeof u3 && (n2.__c = void 0, u3()), r2 = t4;
}
function B2(n2) {
  var t4 = r2;
  n2.__c = n2.__(), r2 = t4;
}
function C2(n2, t4) {
  return !n2 || n2.length !== t4.length || t4.some(function(t5, r3) {
    return t5 !== n2[r3];
  });
}
function D2(n2, t4) {
  return "function" == typeof t4 ? t4(n2) : t4;
}

// src/vendor/signals-core/index.ts
var BRAND_SYMBOL = /* @__PURE__ */ Symbol.for("preact-signals");
var RUNNING = 1 << 0;
var NOTIFIED = 1 << 1;
var OUTDATED = 1 << 2;
var DISPOSED = 1 << 3;
var HAS_ERROR = 1 << 4;
var TRACKING = 1 << 5;
function startBatch() {
  batchDepth++;
}
function endBatch() {
  if (batchDepth > 1) {
    batchDepth--;
    return;
  }
  let error;
  let hasError = false;
  reconcileBatchSnapshots();
  while (batchedEffect !== void 0) {
    let effect2 = batchedEffect;
    batchedEffect = void 0;
    batchIteration++;
    while (effect2 !== void 0) {
      const next = effect2._nextBatchedEffect;
      effect2._nextBatchedEffect = void 0;
      effect2._flags &= ~NOTIFIED;
      if (!(effect2._flags & DISPOSED) && needsToRecompute(effect2)) {
        try {
          effect2._callback();
        } catch (err) {
          if (!hasError) {
            error = err;
            hasError = true;
          }
        }
      }
      effect2 = next;
    }
  }
  batchIteration = 0;
  batchDepth--;
  if (hasError) {
    throw error;
  }
}
function batch(fn) {
  if (batchDepth > 0) {
    return fn();
  }
  currentBatchSnapshotVersion = ++batchSnapshotVersion;
  startBatch();
  try {
    return fn();
  } finally {
    endBatch();
  }
}
var evalContext = void 0;
var capturedEffects;
function untracked(fn) {
  const prevContext = evalContext;
  const prevCapturedEffects = capturedEffects;
  evalContext = void 0;
  capturedEffects = void 0;
  try {
    return fn();
  } finally {
    evalContext = prevContext;
    capturedEffects = prevCapturedEffects;
  }
}
var batchedEffect = void 0;
var batchDepth = 0;
var batchIteration = 0;
var batchSnapshotVersion = 0;
var currentBatchSnapshotVersion = 0;
var batchSnapshots = void 0;
var globalVersion = 0;
function recordBatchSnapshot(source) {
  if (batchDepth === 0 || batchIteration !== 0) {
    return;
  }
  if (source._batchSnapshotVersion !== currentBatchSnapshotVersion) {
    source._batchSnapshotVersion = currentBatchSnapshotVersion;
    batchSnapshots = {
      _source: source,
      _value: source._value,
      _version: source._version,
      _next: batchSnapshots
    };
  }
}
function reconcileBatchSnapshots() {
  let snapshots = batchSnapshots;
  batchSnapshots = void 0;
  while (snapshots !== void 0) {
    const source = snapshots._source;
    if (source._value === snapshots._value) {
      for (let node = source._targets; node !== void 0; node = node._nextTarget) {
        if (node._version === snapshots._version) {
          node._version = source._version;
        }
      }
    }
    snapshots = snapshots._next;
  }
}
function addDependency(signal2) {
  if (evalContext === void 0) {
    return void 0;
  }
  let node = signal2._node;
  if (node === void 0 || node._target !== evalContext) {
    node = {
      _version: 0,
      _source: signal2,
      _prevSource: evalContext._sources,
      _nextSource: void 0,
      _target: evalContext,
      _prevTarget: void 0,
      _nextTarget: void 0,
      _rollbackNode: node
    };
    if (evalContext._sources !== void 0) {
      evalContext._sources._nextSource = node;
    }
    evalContext._sources = node;
    signal2._node = node;
    if (evalContext._flags & TRACKING) {
      signal2._subscribe(node);
    }
    return node;
  } else if (node._version === -1) {
    node._version = 0;
    if (node._nextSource !== void 0) {
      node._nextSource._prevSource = node._prevSource;
      if (node._prevSource !== void 0) {
        node._prevSource._nextSource = node._nextSource;
      }
      node._prevSource = evalContext._sources;
      node._nextSource = void 0;
      evalContext._sources._nextSource = node;
      evalContext._sources = node;
    }
    return node;
  }
  return void 0;
}
function Signal(value, options) {
  this._value = value;
  this._version = 0;
  this._node = void 0;
  this._targets = void 0;
  this._batchSnapshotVersion = 0;
  this._watched = options?.watched;
  this._unwatched = options?.unwatched;
  this.name = options?.name;
}
Signal.prototype.brand = BRAND_SYMBOL;
Signal.prototype._refresh = function() {
  return true;
};
Signal.prototype._subscribe = function(node) {
  const targets = this._targets;
  if (targets !== node && node._prevTarget === void 0) {
    node._nextTarget = targets;
    this._targets = node;
    if (targets !== void 0) {
      targets._prevTarget = node;
    } else {
      untracked(() => {
        this._watched?.call(this);
      });
    }
  }
};
Signal.prototype._unsubscribe = function(node) {
  if (this._targets !== void 0) {
    const prev = node._prevTarget;
    const next = node._nextTarget;
    if (prev !== void 0) {
      prev._nextTarget = next;
      node._prevTarget = void 0;
    }
    if (next !== void 0) {
      next._prevTarget = prev;
      node._nextTarget = void 0;
    }
    if (node === this._targets) {
      this._targets = next;
      if (next === void 0) {
        untracked(() => {
          this._unwatched?.call(this);
        });
      }
    }
  }
};
Signal.prototype.subscribe = function(fn) {
  return effect(
    () => {
      const value = this.value;
      untracked(() => fn(value));
    },
    { name: "sub" }
  );
};
Signal.prototype.valueOf = function() {
  return this.value;
};
Signal.prototype.toString = function() {
  return this.value + "";
};
Signal.prototype.toJSON = function() {
  return this.value;
};
Signal.prototype.peek = function() {
  return untracked(() => this.value);
};
Object.defineProperty(Signal.prototype, "value", {
  get() {
    const node = addDependency(this);
    if (node !== void 0) {
      node._version = this._version;
    }
    return this._value;
  },
  set(value) {
    if (value !== this._value) {
      if (batchIteration > 100) {
        throw new Error("Cycle detected");
      }
      recordBatchSnapshot(this);
      this._value = value;
      this._version++;
      globalVersion++;
      startBatch();
      try {
        for (let node = this._targets; node !== void 0; node = node._nextTarget) {
          node._target._notify();
        }
      } finally {
        endBatch();
      }
    }
  }
});
function signal(value, options) {
  return new Signal(value, options);
}
function needsToRecompute(target2) {
  for (let node = target2._sources; node !== void 0; node = node._nextSource) {
    if (
      // If the dependency has definitely been updated since its version number
      // was observed, then we need to recompute. This first check is not strictly
      // necessary for correctness, but allows us to skip the refresh call if the
      // dependency has already been updated.
      node._source._version !== node._version || // Refresh the dependency. If there's something blocking the refresh (e.g. a
      // dependency cycle), then we need to recompute.
      !node._source._refresh() || // If the dependency got a new version after the refresh, then we need to recompute.
      node._source._version !== node._version
    ) {
      return true;
    }
  }
  return false;
}
function prepareSources(target2) {
  for (let node = target2._sources; node !== void 0; node = node._nextSource) {
    const rollbackNode = node._source._node;
    if (rollbackNode !== void 0) {
      node._rollbackNode = rollbackNode;
    }
    node._source._node = node;
    node._version = -1;
    if (node._nextSource === void 0) {
      target2._sources = node;
      break;
    }
  }
}
function cleanupSources(target2) {
  let node = target2._sources;
  let head = void 0;
  while (node !== void 0) {
    const prev = node._prevSource;
    if (node._version === -1) {
      node._source._unsubscribe(node);
      if (prev !== void 0) {
        prev._nextSource = node._nextSource;
      }
      if (node._nextSource !== void 0) {
        node._nextSource._prevSource = prev;
      }
    } else {
      head = node;
    }
    node._source._node = node._rollbackNode;
    if (node._rollbackNode !== void 0) {
      node._rollbackNode = void 0;
    }
    node = prev;
  }
  target2._sources = head;
}
function Computed(fn, options) {
  Signal.call(this, void 0, options);
  this._fn = fn;
  this._sources = void 0;
  this._globalVersion = globalVersion - 1;
  this._flags = OUTDATED;
}
Computed.prototype = new Signal();
Computed.prototype._refresh = function() {
  this._flags &= ~NOTIFIED;
  if (this._flags & RUNNING) {
    return false;
  }
  if ((this._flags & (OUTDATED | TRACKING)) === TRACKING) {
    return true;
  }
  this._flags &= ~OUTDATED;
  if (this._globalVersion === globalVersion) {
    return true;
  }
  this._globalVersion = globalVersion;
  this._flags |= RUNNING;
  if (this._version > 0 && !needsToRecompute(this)) {
    this._flags &= ~RUNNING;
    return true;
  }
  const prevContext = evalContext;
  try {
    prepareSources(this);
    evalContext = this;
    const value = this._fn();
    if (this._flags & HAS_ERROR || this._value !== value || this._version === 0) {
      this._value = value;
      this._flags &= ~HAS_ERROR;
      this._version++;
    }
  } catch (err) {
    this._value = err;
    this._flags |= HAS_ERROR;
    this._version++;
  }
  evalContext = prevContext;
  cleanupSources(this);
  this._flags &= ~RUNNING;
  return true;
};
Computed.prototype._subscribe = function(node) {
  if (this._targets === void 0) {
    this._flags |= OUTDATED | TRACKING;
    for (let node2 = this._sources; node2 !== void 0; node2 = node2._nextSource) {
      node2._source._subscribe(node2);
    }
  }
  Signal.prototype._subscribe.call(this, node);
};
Computed.prototype._unsubscribe = function(node) {
  if (this._targets !== void 0) {
    Signal.prototype._unsubscribe.call(this, node);
    if (this._targets === void 0) {
      this._flags &= ~TRACKING;
      for (let node2 = this._sources; node2 !== void 0; node2 = node2._nextSource) {
        node2._source._unsubscribe(node2);
      }
    }
  }
};
Computed.prototype._notify = function() {
  if (!(this._flags & NOTIFIED)) {
    this._flags |= OUTDATED | NOTIFIED;
    for (let node = this._targets; node !== void 0; node = node._nextTarget) {
      node._target._notify();
    }
  }
};
Object.defineProperty(Computed.prototype, "value", {
  get() {
    if (this._flags & RUNNING) {
      throw new Error("Cycle detected");
    }
    const node = addDependency(this);
    this._refresh();
    if (node !== void 0) {
      node._version = this._version;
    }
    if (this._flags & HAS_ERROR) {
      throw this._value;
    }
    return this._value;
  }
});
function computed(fn, options) {
  return new Computed(fn, options);
}
function cleanupEffect(effect2) {
  const cleanup = effect2._cleanup;
  effect2._cleanup = void 0;
  if (typeof cleanup === "function") {
    startBatch();
    const prevContext = evalContext;
    evalContext = void 0;
    try {
      cleanup();
    } catch (err) {
      effect2._flags &= ~RUNNING;
      effect2._flags |= DISPOSED;
      disposeEffect(effect2);
      throw err;
    } finally {
      evalContext = prevContext;
      endBatch();
    }
  }
}
function disposeEffect(effect2) {
  for (let node = effect2._sources; node !== void 0; node = node._nextSource) {
    node._source._unsubscribe(node);
  }
  effect2._fn = void 0;
  effect2._sources = void 0;
  cleanupEffect(effect2);
}
function endEffect(prevContext) {
  if (evalContext !== this) {
    throw new Error("Out-of-order effect");
  }
  cleanupSources(this);
  evalContext = prevContext;
  this._flags &= ~RUNNING;
  try {
    if (this._flags & DISPOSED) {
      disposeEffect(this);
    }
  } finally {
    endBatch();
  }
}
function Effect(fn, options) {
  this._fn = fn;
  this._cleanup = void 0;
  this._sources = void 0;
  this._nextBatchedEffect = void 0;
  this._flags = TRACKING;
  this.name = options?.name;
  if (capturedEffects) {
    capturedEffects.push(this);
  }
}
Effect.prototype._callback = function() {
  const finish = this._start();
  try {
    if (this._flags & DISPOSED) return;
    if (this._fn === void 0) return;
    const cleanup = this._fn();
    if (typeof cleanup === "function") {
      this._cleanup = cleanup;
    }
  } finally {
    finish();
  }
};
Effect.prototype._start = function() {
  if (this._flags & RUNNING) {
    throw new Error("Cycle detected");
  }
  this._flags |= RUNNING;
  this._flags &= ~DISPOSED;
  cleanupEffect(this);
  prepareSources(this);
  startBatch();
  const prevContext = evalContext;
  evalContext = this;
  return endEffect.bind(this, prevContext);
};
Effect.prototype._notify = function() {
  if (!(this._flags & NOTIFIED)) {
    this._flags |= NOTIFIED;
    this._nextBatchedEffect = batchedEffect;
    batchedEffect = this;
  }
};
Effect.prototype._dispose = function() {
  this._flags |= DISPOSED;
  if (!(this._flags & RUNNING)) {
    disposeEffect(this);
  }
};
Effect.prototype.dispose = function() {
  this._dispose();
};
function effect(fn, options) {
  const effect2 = new Effect(fn, options);
  try {
    effect2._callback();
  } catch (err) {
    effect2._dispose();
    throw err;
  }
  const dispose = effect2._dispose.bind(effect2);
  dispose[Symbol.dispose] = dispose;
  return dispose;
}

// src/vendor/signals/index.ts
var DEVTOOLS_ENABLED = typeof window !== "undefined" && !!window.__PREACT_SIGNALS_DEVTOOLS__;
var HAS_PENDING_UPDATE = 1 << 0;
var HAS_HOOK_STATE = 1 << 1;
var HAS_COMPUTEDS = 1 << 2;
var IS_UNMOUNTED = 1 << 3;
var oldNotify;
var domQueue = [];
effect(function() {
  oldNotify = this._notify;
})();
function hook(hookName, hookFn) {
  l[hookName] = hookFn.bind(null, l[hookName] || (() => {
  }));
}
var currentComponent;
var finishUpdate;
function setCurrentUpdater(updater) {
  if (finishUpdate) {
    const finish = finishUpdate;
    finishUpdate = void 0;
    finish();
  }
  finishUpdate = updater && updater._start();
}
function createUpdater(update, name) {
  let updater;
  effect(
    function() {
      updater = this;
    },
    { name }
  );
  updater._callback = update;
  return updater;
}
function SignalValue({ data }) {
  const currentSignal = useSignal(data);
  currentSignal.name = "ReactiveDom";
  currentSignal.value = data;
  const [isText, s3] = T2(() => {
    let self = this;
    let v3 = this.__v;
    while (v3 = v3.__) {
      if (v3.__c) {
        v3.__c._updateFlags |= HAS_COMPUTEDS;
        break;
      }
    }
    const wrappedSignal = computed(() => {
      let s4 = currentSignal.value.value;
      return s4 === 0 ? 0 : s4 === true ? "" : s4 || "";
    });
    const isText2 = computed(
      () => !Array.isArray(wrappedSignal.value) && !t(wrappedSignal.value)
    );
    const dispose = effect(function() {
      this._notify = notifyDomUpdates;
      if (isText2.value) {
        const value = wrappedSignal.value;
        if (self.__v && self.__v.__e && self.__v.__e.nodeType === 3) {
          self.__v.__e.data = value;
        }
      }
    });
    const oldDispose = this._updater._dispose;
    this._updater._dispose = function() {
      dispose();
      oldDispose.call(this);
    };
    return [isText2, wrappedSignal];
  }, []);
  return isText.value ? s3.peek() : s3.value;
}
SignalValue.displayName = "ReactiveTextNode";
Object.defineProperties(Signal.prototype, {
  constructor: {
    configurable: true,
    value: k(S, null).constructor
  },
  type: { configurable: true, value: SignalValue },
  props: {
    configurable: true,
    get() {
      const s3 = this;
      return {
        data: {
          get value() {
            return s3.value;
          }
        }
      };
    }
  },
  // Setting a VNode's _depth to 1 forces Preact to clone it before modifying:
  // https://github.com/preactjs/preact/blob/d7a433ee8463a7dc23a05111bb47de9ec729ad4d/src/diff/children.js#L77
  // @todo remove this for Preact 11
  __b: { configurable: true, value: 1 }
});
hook("__b" /* DIFF */, (old, vnode) => {
  setCurrentUpdater();
  currentComponent = void 0;
  if (typeof vnode.type === "string") {
    let signalProps;
    let props = vnode.props;
    for (let i3 in props) {
      if (i3 === "children") continue;
      let value = props[i3];
      if (value instanceof Signal) {
        if (!signalProps) vnode.__np = signalProps = {};
        signalProps[i3] = value;
        props[i3] = value.peek();
      }
    }
  }
  old(vnode);
});
hook("__r" /* RENDER */, (old, vnode) => {
  old(vnode);
  if (vnode.type !== S) {
    setCurrentUpdater();
    let updater;
    let component = vnode.__c;
    if (component) {
      component._updateFlags &= ~HAS_PENDING_UPDATE;
      updater = component._updater;
      if (updater === void 0) {
        component._updater = updater = createUpdater(
          createComponentUpdateCallback(component),
          typeof vnode.type === "function" ? vnode.type.displayName || vnode.type.name : ""
        );
      }
    }
    currentComponent = component;
    setCurrentUpdater(updater);
  }
});
function createComponentUpdateCallback(component) {
  return function() {
    if (DEVTOOLS_ENABLED) this._debugCallback?.call(this);
    component._updateFlags |= HAS_PENDING_UPDATE;
    component.setState({});
  };
}
hook("__e" /* CATCH_ERROR */, (old, error, vnode, oldVNode) => {
  setCurrentUpdater();
  currentComponent = void 0;
  old(error, vnode, oldVNode);
});
hook("diffed" /* DIFFED */, (old, vnode) => {
  setCurrentUpdater();
  currentComponent = void 0;
  let dom;
  if (typeof vnode.type === "string" && (dom = vnode.__e)) {
    let props = vnode.__np;
    let renderedProps = vnode.props;
    let updaters = dom._updaters;
    if (updaters) {
      for (let prop in updaters) {
        let updater = updaters[prop];
        if (updater !== void 0 && (!props || !(prop in props))) {
          updater._dispose();
          updaters[prop] = void 0;
        }
      }
    }
    if (props) {
      if (!updaters) {
        updaters = {};
        dom._updaters = updaters;
      }
      for (let prop in props) {
        let updater = updaters[prop];
        let signal2 = props[prop];
        if (updater === void 0) {
          updater = createPropUpdater(dom, prop, signal2, renderedProps);
          updaters[prop] = updater;
        } else {
          updater._update(signal2, renderedProps);
        }
      }
    }
  }
  old(vnode);
});
function createPropUpdater(dom, prop, propSignal, props) {
  const setAsProperty = prop in dom && // SVG elements need to go through `setAttribute` because they
  // expect things like SVGAnimatedTransformList instead of strings.
  // @ts-ignore
  dom.ownerSVGElement === void 0;
  const changeSignal = signal(propSignal);
  return {
    _update: (newSignal, newProps) => {
      changeSignal.value = newSignal;
      props = newProps;
    },
    _dispose: effect(function() {
      this._notify = notifyDomUpdates;
      const value = changeSignal.value.value;
      if (props[prop] === value) return;
      props[prop] = value;
      if (setAsProperty) {
        dom[prop] = value;
      } else if (value != null && (value !== false || prop[4] === "-")) {
        dom.setAttribute(prop, value);
      } else {
        dom.removeAttribute(prop);
      }
    })
  };
}
hook("unmount" /* UNMOUNT */, (old, vnode) => {
  if (typeof vnode.type === "string") {
    let dom = vnode.__e;
    if (dom) {
      const updaters = dom._updaters;
      if (updaters) {
        dom._updaters = void 0;
        for (let prop in updaters) {
          let updater = updaters[prop];
          if (updater) updater._dispose();
        }
      }
    }
    let signalProps = vnode.__np;
    if (signalProps) {
      let props = vnode.props;
      for (let prop in signalProps) {
        props[prop] = signalProps[prop];
      }
    }
    vnode.__np = void 0;
  } else {
    let component = vnode.__c;
    if (component) {
      component._updateFlags |= IS_UNMOUNTED;
      const updater = component._updater;
      if (updater) {
        component._updater = void 0;
        updater._dispose();
      }
    }
  }
  old(vnode);
});
hook("__h" /* HOOK */, (old, component, index, type) => {
  if (type < 3)
    component._updateFlags |= HAS_HOOK_STATE;
  old(component, index, type);
});
C.prototype.shouldComponentUpdate = function(props, state) {
  if (this.__R) return true;
  const updater = this._updater;
  const hasSignals = updater && updater._sources !== void 0;
  for (let i3 in state) return true;
  if (this.__f || typeof this.u == "boolean" && this.u === true) {
    const hasHooksState = this._updateFlags & HAS_HOOK_STATE;
    if (!hasSignals && !hasHooksState && !(this._updateFlags & HAS_COMPUTEDS))
      return true;
    if (this._updateFlags & HAS_PENDING_UPDATE) return true;
  } else {
    if (!hasSignals && !(this._updateFlags & HAS_COMPUTEDS)) return true;
    if (this._updateFlags & (HAS_PENDING_UPDATE | HAS_HOOK_STATE)) return true;
  }
  for (let i3 in props) {
    if (i3 !== "__source" && props[i3] !== this.props[i3]) return true;
  }
  for (let i3 in this.props) if (!(i3 in props)) return true;
  return false;
};
function useSignal(value, options) {
  return T2(
    () => signal(value, options),
    []
  );
}
var deferDomUpdates = (cb) => {
  queueMicrotask(() => {
    queueMicrotask(cb);
  });
};
function flushDomUpdates() {
  batch(() => {
    let inst;
    while (inst = domQueue.shift()) {
      oldNotify.call(inst);
    }
  });
}
function notifyDomUpdates() {
  if (domQueue.push(this) === 1) {
    (l.requestAnimationFrame || deferDomUpdates)(flushDomUpdates);
  }
}

// src/api.ts
var Problem = class extends Error {
  constructor(status, code, detail, hint = "", reason = "") {
    super(detail);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.reason = reason;
  }
  status;
  code;
  hint;
  reason;
};
var session = signal("unknown");
var link = signal("up");
var token = sessionStorage.getItem("linnet-token") ?? "";
var tokenID = sessionStorage.getItem("linnet-token-id") ?? "";
var channel = new BroadcastChannel("linnet");
function keep(t4) {
  token = t4.secret;
  tokenID = t4.id;
  sessionStorage.setItem("linnet-token", token);
  sessionStorage.setItem("linnet-token-id", tokenID);
  session.value = "in";
}
function forget() {
  token = tokenID = "";
  sessionStorage.removeItem("linnet-token");
  sessionStorage.removeItem("linnet-token-id");
  session.value = "out";
}
async function call(method, path, body, more = {}) {
  const headers = { Authorization: "Bearer " + token };
  if (body !== void 0) headers["Content-Type"] = "application/json";
  if (more.key) headers["Idempotency-Key"] = more.key;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === void 0 ? void 0 : JSON.stringify(body), signal: more.signal, cache: "no-store", redirect: "error" });
  } catch (e3) {
    if (more.signal?.aborted) throw e3;
    link.value = "down";
    throw new Problem(0, "no_daemon", "");
  }
  link.value = "up";
  const text = await answer.text();
  let value = {};
  try {
    value = text ? JSON.parse(text) : {};
  } catch {
  }
  if (answer.ok) return value;
  if (answer.status === 401) forget();
  throw new Problem(answer.status, value.code ?? "internal", value.detail ?? value.title ?? answer.statusText, value.hint, value.reason);
}
async function stream(method, path, body) {
  const answer = await fetch(path, { method, headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store", redirect: "error" });
  if (answer.ok && answer.body) return answer.body;
  const value = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, value.code ?? "internal", value.detail ?? answer.statusText, value.hint, value.reason);
}
async function login(code) {
  keep(await call("POST", "/v1/login", { code }));
}
async function logout() {
  const id = tokenID;
  try {
    if (id) await call("DELETE", "/v1/tokens/" + id);
  } catch {
  }
  forget();
}
async function begin() {
  const code = /^#([A-Z2-7]{20,40})$/.exec(location.hash);
  if (code) {
    history.replaceState(null, "", location.pathname + "#/");
    try {
      return await login(code[1]);
    } catch (e3) {
      if (!token) {
        forget();
        throw e3;
      }
    }
  }
  if (token) {
    session.value = "in";
    return;
  }
  const id = crypto.randomUUID();
  const answer = new Promise((resolve) => {
    const hear = (e3) => {
      if (e3.data?.kind === "code" && e3.data.to === id) {
        channel.removeEventListener("message", hear);
        resolve(e3.data.code);
      }
    };
    channel.addEventListener("message", hear);
    setTimeout(() => {
      channel.removeEventListener("message", hear);
      resolve("");
    }, 400);
  });
  channel.postMessage({ kind: "want", from: id });
  const given2 = await answer;
  if (!given2) return forget();
  try {
    await login(given2);
  } catch {
    forget();
  }
}
channel.addEventListener("message", async (e3) => {
  if (e3.data?.kind !== "want" || !token || session.value !== "in") return;
  await navigator.locks.request("linnet-code-" + e3.data.from, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    try {
      const l3 = await call("POST", "/v1/page", {});
      channel.postMessage({ kind: "code", to: e3.data.from, code: l3.code });
      await new Promise((r3) => setTimeout(r3, 500));
    } catch {
    }
  });
});
var leading = false;
var last = "";
var nudge = () => {
};
function watch(heard2, missed) {
  channel.addEventListener("message", (e3) => {
    if (leading || session.value !== "in") return;
    if (e3.data?.kind === "event") {
      last = e3.data.event.id;
      take3(e3.data.event);
    }
    if (e3.data?.kind === "missed") missed();
    if (e3.data?.kind === "link") link.value = e3.data.link;
  });
  const take3 = (e3) => {
    if (e3.type === "resync") missed();
    else heard2(e3);
  };
  const say2 = (state) => {
    link.value = state;
    channel.postMessage({ kind: "link", link: state });
  };
  addEventListener("online", () => nudge());
  addEventListener("visibilitychange", () => {
    if (!document.hidden) nudge();
  });
  navigator.locks.request("linnet-events", async () => {
    leading = true;
    let wait = 250, first = last === "";
    for (; ; ) {
      if (session.value !== "in") {
        await until(() => session.value === "in");
      }
      try {
        const headers = { Authorization: "Bearer " + token };
        if (last) headers["Last-Event-ID"] = last;
        const answer = await fetch("/v1/events", { headers, cache: "no-store" });
        if (answer.status === 401) {
          forget();
          continue;
        }
        if (!answer.ok || !answer.body) throw new Error(answer.statusText);
        say2("up");
        wait = 250;
        if (!last && !first) {
          missed();
          channel.postMessage({ kind: "missed" });
        }
        first = false;
        await lines(answer.body, (line) => {
          if (!line.startsWith("data: ")) return;
          const e3 = JSON.parse(line.slice(6));
          last = e3.id;
          channel.postMessage({ kind: "event", event: e3 });
          take3(e3);
        });
      } catch {
      }
      first = false;
      say2("down");
      await Promise.race([new Promise((r3) => setTimeout(r3, wait)), new Promise((r3) => {
        nudge = r3;
      })]);
      wait = Math.min(wait * 2, 8e3);
    }
  });
}
function until(is) {
  return new Promise((resolve) => {
    const stop = session.subscribe(() => {
      if (is()) queueMicrotask(() => {
        stop();
        resolve();
      });
    });
  });
}
async function lines(body, f3) {
  const reader2 = body.getReader(), decoder = new TextDecoder();
  let rest = "";
  for (; ; ) {
    const { done, value } = await reader2.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    if (rest.length > 4 << 20) {
      await reader2.cancel();
      throw new Error("too long a line");
    }
    for (let i3 = rest.indexOf("\n"); i3 >= 0; i3 = rest.indexOf("\n")) {
      f3(rest.slice(0, i3));
      rest = rest.slice(i3 + 1);
    }
  }
}

// src/choices.ts
var usual = {
  theme: "auto",
  contrast: false,
  still: false,
  size: 15,
  language: "auto",
  enter: true,
  notify: false,
  preview: "all",
  account: ""
};
function read() {
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem("linnet") ?? "{}") };
  } catch {
    return usual;
  }
}
var choices = signal(read());
function choose(part) {
  choices.value = { ...choices.value, ...part };
  localStorage.setItem("linnet", JSON.stringify(choices.value));
}
addEventListener("storage", (e3) => {
  if (e3.key === "linnet") choices.value = read();
});
effect(() => {
  const c3 = choices.value, root = document.documentElement;
  root.dataset.theme = c3.theme;
  root.dataset.contrast = c3.contrast ? "more" : "auto";
  root.dataset.motion = c3.still ? "less" : "auto";
  root.style.fontSize = c3.size + "px";
});

// lang/en.json
var en_default = {
  today: "Today",
  yesterday: "Yesterday",
  close: "Close",
  cancel: "Cancel",
  back: "Back",
  more: "More",
  save: "Save",
  saved: "Saved",
  create: "Create",
  confirm: "Confirm",
  later: "Later",
  show: "Show",
  remove: "Remove",
  or: "or",
  fix: "Fix:",
  you: "You",
  somebody: "Somebody",
  copied: "Copied",
  tryAgain: "Try again",
  automatic: "Automatic",
  revoke: "Take away",
  discard: "Discard",
  date: "Date",
  state: "State",
  search: "Search",
  nothingFound: "Nothing found",
  people: "People",
  messages: "Messages",
  conversations: "Conversations",
  conversation: "Conversation",
  conversationWith: "Conversation with {name}",
  settings: "Settings",
  add: "Add a contact",
  filter: "Filter",
  filterAll: "All",
  filterUnread: "Unread",
  requests: "Requests",
  request: "Request",
  requestsCount: { one: "{n} request", other: "{n} requests" },
  archived: "Archived",
  noArchived: "Nothing is archived",
  noRequests: "Nobody asks",
  allRead: "All is read",
  noChats: "Nobody here yet",
  noChatsText: "Invite somebody, or add who invited you.",
  inviteSomebody: "Invite somebody",
  haveInvite: "I have an invite",
  draft: "Draft:",
  writes: "writes…",
  nothingYet: "Nothing said yet",
  askedShort: "Asked; waits for an answer",
  deletedMessage: "This message was deleted",
  hidden: "This was to be seen once",
  newer: "This needs a newer Linnet",
  newerShort: "Needs a newer Linnet",
  card: "Contact: {name}",
  contactCard: "Contact",
  timerChanged: "The time until messages disappear was changed",
  verified: "Verified",
  muted: "Muted",
  pinned: "Pinned",
  unreadCount: { one: "{n} unread message", other: "{n} unread messages" },
  markedUnread: "Marked as unread",
  pin: "Pin",
  unpin: "Unpin",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Take out of the archive",
  contactInfo: "About this contact",
  contactInfoOf: "About {name}",
  mute1h: "Mute for 1 hour",
  mute8h: "Mute for 8 hours",
  mute1w: "Mute for a week",
  muteEver: "Mute",
  unmute: "Unmute",
  unmuted: "unmuted",
  mutedUntil: "Muted until {time}",
  notifyAll: "All messages are announced",
  pillDown: "Linnet is not running",
  down: "Linnet is not running",
  chooseChat: "Your conversations",
  chooseText: "Choose one on the side, or press Ctrl K.",
  unknownContact: "No such contact",
  switchTo: "Go to a conversation",
  here: "here now",
  awake: "awake",
  asleep: "asleep: messages wait until they can be handed over",
  blocked: "blocked",
  asked: "asked; has not answered yet",
  write: "Write a message",
  writeTo: "Write to {name}",
  send: "Send",
  saveEdit: "Save the change",
  emoji: "Emoji",
  emojiFind: "Find an emoji",
  moreEmoji: "More emoji",
  formatting: "Formatting",
  bold: "Bold",
  italic: "Italic",
  struck: "Struck through",
  code: "Code",
  suggestions: "Suggestions",
  editing: "Changing a message",
  replyTo: "Answer to {name}",
  replyToSelf: "Answer to yourself",
  bytesLeft: "{n} bytes left",
  react: "React",
  reactionBy: "{emoji} from {names}",
  reply: "Answer",
  copyText: "Copy text",
  edit: "Change",
  edited: "changed",
  forward: "Forward",
  forwardTo: "Forward to",
  forwarded: { one: "Forwarded to {n} conversation", other: "Forwarded to {n} conversations" },
  select: "Select",
  selectSome: "Select messages",
  selectedCount: { one: "{n} selected", other: "{n} selected" },
  details: "Details",
  delete: "Delete",
  deleteTitle: { one: "Delete this message?", other: "Delete {n} messages?" },
  deleteText: "You can delete it on this device alone, or everywhere. Who has seen it has seen it.",
  deleteTextTheirs: "It is deleted on this device alone.",
  deleteHere: "Delete here",
  deleteEverywhere: "Delete everywhere",
  stateSending: "Being handed to your node",
  stateUnsent: "Not sent",
  stateQueued: "Waiting",
  stateKept: "Kept by relays",
  stateKeptBy: { one: "Kept by {n} relay until {until}", other: "Kept by {n} relays until {until}" },
  stateDelivered: "Delivered",
  stateRead: "Read",
  stateFailed: "Failed",
  deliveredAt: "Delivered {time}",
  readAt: "Read {time}",
  queuedNext: "Waiting; next try {time}",
  whyLate: "Why?",
  said: "Said",
  clock: "Clock",
  wrongTime: "The author's clock cannot be right; this is when it came.",
  theirDevice: "{name}, device {n}",
  theirDevices: "{name}, all devices",
  keptText: "Relays keep it, sealed, until the device comes to fetch it. They cannot read it.",
  queuedText: "It stays on this device until another one takes it. It is sent by itself as soon as that is possible.",
  unreadBelow: "New messages",
  toEnd: "To the newest",
  toDate: "Go to a date",
  nothingSince: "Nothing was said since then",
  showAll: "Show all",
  announce: "{name}: {text}",
  askedText: "They have been asked. What you write waits until they answer.",
  beginText: "What you say here can be read by the two of you alone. Compare the safety number once, to know that nobody stands between you.",
  beginVerified: "What you say here can be read by the two of you alone. You compared the safety number.",
  verifyThem: "Compare the safety number",
  requestText: "{name} wants to talk to you. They do not learn whether you read this until you accept.",
  accept: "Accept",
  refuse: "Turn down",
  block: "Block",
  unblock: "Unblock",
  blockedText: "You blocked {name}.",
  leaveTitle: "Open this link?",
  leaveText: "It leads out of Linnet, to:",
  leaveGo: "Open",
  leaveStrange: "This name is written with unusual letters. It may imitate another one.",
  leaveUser: "What stands before the @ is not where this leads.",
  identity: "Identity",
  safetyNumber: "Safety number",
  verifiedText: "You compared it",
  notVerified: "Not compared yet",
  alias: "Your name for them",
  aliasOptional: "Your name for them (if you like)",
  address: "Address",
  callsItself: "calls themselves",
  devices: "Devices",
  devicesUnknown: "Not known yet",
  deviceN: "Device {n}",
  deviceThis: "This device",
  deviceOther: "Another device of this account",
  contactSince: "Contact since {date}",
  removeContact: "Remove contact",
  removeTitle: "Remove {name}?",
  removeText: "The contact and the whole conversation are deleted from this device. What waits to be sent is dropped.",
  blockTitle: "Block {name}?",
  blockText: "Nothing they send is taken any more. They are not told.",
  verifyText: "Compare these digits with {name}: side by side, or in a call where you know the voice. If they are the same, nobody stands between you.",
  copyNumber: "Copy the safety number",
  scanTheirs: "Scan theirs",
  pasteTheirs: "Or paste what they sent you",
  numbersSame: "The same. Marked as verified.",
  numbersDiffer: "Not the same! Somebody may stand between you, or this is another contact's number.",
  markVerified: "They are the same",
  unverify: "Mark as not verified",
  scan: "Scan a code",
  scanText: "Hold the code before the camera.",
  noCamera: "There is no camera, or it may not be used. You can choose a picture of the code.",
  noCode: "There is no code in this picture.",
  camera: "Camera",
  pictureOf: "Choose a picture…",
  invite: "Invite somebody",
  inviteText: "Whoever scans this code or opens the link becomes your contact at once. Give it to nobody else.",
  inviteCode: "Invite as a QR code",
  copyLink: "Copy link",
  share: "Share",
  inviteOnce: "Works once.",
  inviteStanding: "Works for any number of people.",
  goodUntil: "Good until {time}.",
  goodForEver: "Good until you take it away.",
  inviteOptions: "Another kind of invite",
  inviteLife: "Good for",
  life1h: "1 hour",
  life1d: "1 day",
  life1w: "1 week",
  lifeEver: "for ever",
  inviteMany: "For several people",
  inviteManyHint: "Anybody who has it becomes a contact.",
  inviteNew: "Make a new one",
  invitesGood: "Invites that are still good",
  inviteKindMany: "For several people",
  inviteKindOne: "For one person",
  addTitle: "Add a contact",
  addText: "Paste the link or address that you were given, or scan the code.",
  addShort: "Add",
  inviteLink: "Link or address",
  inviteInstead: "Invite instead",
  inviteSelf: "This is your own invite: give it to somebody else.",
  inviteOver: "This invite has expired. Ask for a new one.",
  inviteKnown: "You know them already:",
  inviteBare: "An address (key {id}…). They will be asked whether they want to talk to you.",
  inviteGood: "A good invite (key {id}…). You become contacts at once.",
  openChat: "Open the conversation",
  profile: "Profile",
  yourName: "Your name",
  yourAbout: "About you",
  profileText: "Your contacts see this. Nobody else does.",
  addressText: "Who has your address can find you, and ask to talk to you. An invite spares them the asking.",
  words: "Recovery words",
  wordsNotice: "Write down your 24 recovery words",
  wordsText: "These 24 words are your account: with them you can prove that it is yours and change its devices, should this machine be lost. They do not bring back messages.",
  wordsShow: "Show the words",
  wordsWarn: "Write them on paper. Whoever has them can take your account.",
  wordsWritten: "I wrote them down",
  wordsType: "Type the 24 words to show that you have them",
  wordsErase: "After that they are erased from this device.",
  wordsConfirmed: "The words are confirmed",
  wordsGone: "They are on your paper, and not on this device any more.",
  accounts: "Accounts",
  accountsText: "Each account has keys and a network address of its own: nobody can tell that two of them are yours.",
  accountNew: "New account",
  accountNewText: "It gets new keys. Nothing links it to this one.",
  locked: "Locked",
  devicesText: "What you are told on one device, the others know as well.",
  node: "Your node",
  nodeText: "This page is served by a program on this machine: your own node. It holds your keys, and talks to the others.",
  health: "How it does",
  peers: { one: "{n} node connected", other: "{n} nodes connected" },
  runsSince: "Runs since {time}",
  outbox: "Waits to be sent",
  nothingWaits: "Nothing waits",
  waitingCount: { one: "{n} message waits", other: "{n} messages wait" },
  lookAgain: "Look again",
  privacy: "Privacy",
  othersSee: "What contacts see",
  receipts: "Tell when I have read something",
  receiptsHint: "Without it, others see “delivered” and never “read”.",
  typingTell: "Tell when I write or am here",
  typingHint: "Told at once or not at all, and never kept.",
  whoSees: "Who can see what",
  whoSees1: "What you say: you and your contact. It is sealed on your device and opened on theirs, also against quantum computers.",
  whoSees2: "That you talk to each other: nobody who carries it and does not know your address. Your IP address is seen by those you connect to.",
  whoSees3: "On this machine: whoever can use your unlocked account. The store is encrypted; a passphrase protects it when the machine is stolen.",
  notifications: "Notifications",
  notifyOn: "Notify of new messages",
  notifyHint: "While this page is open in a tab or a window of its own.",
  notifyDenied: "The browser forbids it: allow it in the settings of this site.",
  notifyShow: "Show",
  showAllOf: "Name and text",
  showName: "Name only",
  showNothing: "Neither",
  notifyText: "Muted and archived conversations stay silent. Notifications are made on this machine; no service is told.",
  noticeNew: "New message",
  appearance: "Appearance",
  theme: "Theme",
  light: "Light",
  dark: "Dark",
  textSize: "Text size",
  small: "Small",
  medium: "Medium",
  large: "Large",
  huge: "Very large",
  contrast: "More contrast",
  still: "Less motion",
  writing: "Writing",
  enterSends: "Enter sends",
  enterHint: "Shift Enter begins a new line.",
  enterHintOff: "Enter begins a new line; Ctrl Enter sends.",
  language: "Language",
  storage: "Storage",
  storageUsed: "used by this account",
  storageFree: "Free on this disk",
  storagePage: "Kept by the browser",
  storageText: "The browser keeps the page itself, and nothing of what is said: that lies encrypted in your node's store.",
  blockedPeople: "Blocked",
  nobodyBlocked: "Nobody is blocked",
  tabs: "Tabs and programs",
  tabsText: "Who may use your node: tabs that were let in by linnet open, and programs that you gave a token.",
  tabOf: "A tab of this page",
  usedAt: "Used {time}",
  madeAt: "Let in {time}",
  logout: "Lock this tab",
  shortcuts: "Keyboard",
  keySwitch: "Go to a conversation",
  keySearch: "Search everywhere",
  keyAdd: "Add a contact",
  keyNext: "Previous or next conversation",
  keyUnread: "Previous or next unread one",
  keySend: "Send",
  keyLine: "New line",
  keyEdit: "Change the last message, where nothing is written",
  keyReply: "Choose a message to answer",
  keyFormat: "Bold, italic, code",
  keyMessage: "Answer, change, delete the message that has the focus",
  keyMenu: "Menu of a message or conversation",
  keyEnd: "To the newest message",
  keyEsc: "Close, cancel, or go back to writing",
  keyLandmark: "To the next part of the page",
  keySettings: "Settings",
  keyHelp: "This list",
  about: "About",
  aboutText: "A private messenger with no company in the middle.",
  version: "Version",
  licence: "Licences",
  doorTitle: "Open the door",
  doorText: "This page belongs to the Linnet on this machine. To let this tab in, type in a terminal:",
  doorPaste: "Or paste the link that it prints",
  enterPage: "Go in",
  downTitle: "Linnet is not running",
  downText: "This page is only a window: your messages are in the program on this machine. Start it:",
  downWait: "This page goes on by itself as soon as it runs.",
  firstTitle: "Welcome to Linnet",
  firstText: "Talk to people, with no company in the middle. No phone number, no mail address.",
  firstName: "How shall your contacts see you?",
  firstGo: "Begin",
  firstPromise: "Your keys are made on this machine and stay here.",
  startTitle: "Hello, {name}",
  startText: "To talk to somebody, one of you invites the other.",
  startInvite: "A link and a code that work once",
  startAdd: "Paste the link, or scan the code",
  startLater: "Later",
  lockedTitle: "Locked",
  lockedText: "{name} waits for its passphrase.",
  passphrase: "Passphrase",
  unlock: "Unlock",
  failedTitle: "The account does not open",
  troubleTitle: "Something went wrong",
  sharedText: "Choose whom to send it to",
  relays: "Relays",
  relaysText: "A relay is a volunteer’s machine that keeps sealed post while you sleep. It cannot read it. Three are used at a time, and your contacts are told which.",
  relaysNone: "No relay yet",
  relaysNoneText: "What is said while you sleep waits on the devices of others, until theirs and yours are awake together. With a relay it waits there.",
  relaysOwn: "They keep your post",
  relayListens: "Post comes from here at once",
  relayVisited: "Looked into now and then",
  relayOpening: "Being asked for a box",
  relaySupplied: "is being given what it hands out while you sleep",
  relayDrains: "Takes nothing new; what lies there still comes",
  relayLeaving: "Not used any more; looked into until {date}",
  relayAllowed: "In reserve, until one of the three fails",
  relayInvited: "came with an invite",
  relaySeen: "last heard {time}",
  relayAhead: { one: "its clock is {n} s ahead", other: "its clock is {n} s ahead" },
  relayBehind: { one: "its clock is {n} s behind", other: "its clock is {n} s behind" },
  relayKey: "Key",
  relaySince: "In this state since",
  relayAdd: "Add a relay",
  relayAddText: "Paste the line that the relay prints, or scan its code.",
  relayAddress: "Address of the relay",
  relayAdded: "The relay may keep your post now",
  relayReserve: "Three are in use: this one is kept in reserve.",
  relayRun: "To run one yourself:",
  relayFound: "The address of a relay. It will keep post for you.",
  relayRemove: "Do without this relay",
  relayRemoveTitle: "Do without this relay?",
  relayRemoveText: "Your contacts are told to leave nothing more there. What lies there already still comes.",
  relayForgetText: "It is forgotten.",
  relayLast: "It is the last one: what is said while you sleep then waits until both are awake together.",
  relayOne: "One relay alone: if it is lost, what it keeps is late. A second one makes up for that.",
  relaysBlind: "A relay sees IP addresses, times and sizes, and which box something is for. It learns neither who writes nor what.",
  custody: "What relays keep for others of what you said",
  custodyNone: "Nothing: all that you said has arrived, or waits here",
  custodyCount: { one: "{n} message, until {until}", other: "{n} messages, the last until {until}" },
  keptBy: "Kept by",
  keptUntil: "until {date}",
  lateTitle: "Why is it late?",
  keptOne: "Their device has one relay alone, or only one answers: should it be lost, your node says it again.",
  keptHalf: "One relay keeps it already; it counts as kept once two have signed for it.",
  failedWhy: "It is not tried any more, unless you ask for it.",
  whyNotFound: "nobody in the network knows yet where they are",
  whyNowhere: "their device cannot be reached directly",
  whyBusy: "their device is busy",
  whyReset: "their device lost the session; a new one begins",
  whyNoAnswer: "their device does not answer",
  whyDeviceGone: "this device was taken off their account",
  whyNoRelay: "no relay of theirs answers",
  whyLooking: "their account is being looked for",
  whyTooOld: "nobody took it for 30 days",
  whyRemoved: "the contact was removed",
  whyRevoked: "this device was taken off the account",
  whyBlocked: "you blocked this contact",
  whySlow: "it does not answer in time",
  whyUnreachable: "the relay cannot be reached",
  whyRelayBusy: "the relay is busy",
  whyDrains: "the relay is closing down and takes nothing new",
  whyRelayFull: "the relay has no room left",
  whyBanned: "the relay refuses this device",
  whyManyBoxes: "the relay gave this network as many boxes as it gives",
  whyBoxFull: "the box is full",
  whyFast: "too much at once; it is tried again soon",
  whyStrangers: "the relay takes nothing from people whom its owner does not know",
  whyLie: "the relay does not keep to the rules",
  whyRelayFailed: "the relay has a fault",
  whyNewer: "it needs a newer Linnet",
  notRelay: "That is no relay’s address, or it was misspelt. Copy the whole line, which begins with linnet:relay/.",
  relaysFull: "There are as many relays as there can be. Remove one first.",
  relayGone: "There is no such relay any more.",
  notInvite: "That is no invite, or it was misspelt. Copy the whole link.",
  contactsFull: "There are as many contacts as there can be.",
  outboxFull: "Too much waits for this contact already.",
  diskFull: "The disk is nearly full: make room, then try again.",
  wordsWrong: "These are not the words of this account.",
  backup: "Backup",
  backupNever: "No backup yet",
  backupToday: "Backed up today",
  backupAge: { one: "The last backup is {n} day old", other: "The last backup is {n} days old" },
  backupText: "Messages and contacts live on your devices alone: without a backup, they are gone with the last one.",
  backupMake: "Make a backup",
  backupPass: "The file is sealed with a passphrase. Without it, nobody can open it, and neither can you.",
  backupDone: "The backup is made",
  passphraseAgain: "Once more",
  passphraseShort: "At least 8 characters",
  passphraseDiffers: "The two are not the same",
  picture: "Your picture",
  pictureChoose: "Choose a picture",
  pictureChange: "Change the picture",
  pictureRemove: "Remove the picture",
  pictureOptional: "A picture, if you like",
  pictureCut: "Drag it, or use the arrow keys, until the circle shows what others are to see. Only this part is sent, without place or camera.",
  pictureUse: "Use",
  pictureBad: "This browser cannot read that as a picture.",
  zoom: "Zoom",
  noContact: "They are no contact any more.",
  noMessage: "There is no such message any more.",
  accountStops: "The account is being stopped.",
  pictureLarge: "The picture is too large: 8 MB and 24 megapixels at most."
};

// src/tongue.ts
var languages = { en: "English", ru: "Русский", vi: "Tiếng Việt" };
var table = signal(en_default);
var language = signal("en");
var plurals = new Intl.PluralRules("en");
function wanted() {
  const chosen = choices.value.language;
  if (chosen !== "auto") return chosen;
  for (const l3 of navigator.languages) {
    const short = l3.split("-")[0];
    if (short in languages) return short;
  }
  return "en";
}
var accents = { a: "á", e: "é", i: "í", o: "ó", u: "ú", A: "Á", E: "É", I: "Í", O: "Ó", U: "Ú" };
function pseudo(t4) {
  if (typeof t4 !== "string") return Object.fromEntries(Object.entries(t4).map(([k3, v3]) => [k3, pseudo(v3)]));
  return "⟦" + t4.replace(/\{\w+\}|[aeiouAEIOU]/g, (c3) => accents[c3] ?? c3) + "⟧";
}
effect(() => {
  const l3 = wanted();
  const use = (strings, tag, locale) => {
    table.value = strings;
    language.value = locale;
    plurals = new Intl.PluralRules(locale);
    document.documentElement.lang = locale;
    document.documentElement.dir = tag === "qpr" || ["ar", "fa", "he", "ur"].includes(tag) ? "rtl" : "ltr";
    document.documentElement.dataset.tongue = tag;
  };
  if (l3 === "en") return use(en_default, l3, l3);
  if (l3 === "qps" || l3 === "qpr") return use(Object.fromEntries(Object.entries(en_default).map(([k3, v3]) => [k3, pseudo(v3)])), l3, "en");
  if (!(l3 in languages)) return use(en_default, "en", "en");
  fetch("/lang/" + l3 + ".json").then((r3) => r3.json()).then((strings) => {
    if (wanted() === l3) use({ ...en_default, ...strings }, l3, l3);
  }, () => use(en_default, "en", "en"));
});
function t3(key, fill = {}) {
  let text = table.value[key] ?? en_default[key] ?? key;
  if (typeof text !== "string") text = text[plurals.select(Number(fill.n ?? 0))] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => {
    const v3 = fill[name];
    return v3 === void 0 ? all : typeof v3 === "number" ? number(v3) : v3;
  });
}
var number = (n2) => new Intl.NumberFormat(language.value).format(n2);
var formats = /* @__PURE__ */ new Map();
function format(name, options) {
  const key = language.value + name;
  let f3 = formats.get(key);
  if (!f3) formats.set(key, f3 = new Intl.DateTimeFormat(language.value, options));
  return f3;
}
var clock = (time) => format("clock", { timeStyle: "short" }).format(new Date(time));
var moment = (time) => format("moment", { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
var date = (time) => format("date", { dateStyle: "medium" }).format(new Date(time));
var dayOf = (d3) => d3.getFullYear() * 400 + d3.getMonth() * 32 + d3.getDate();
var sameDay = (a3, b2) => dayOf(new Date(a3)) === dayOf(new Date(b2));
function day(time) {
  const d3 = new Date(time), now = /* @__PURE__ */ new Date(), ago = /* @__PURE__ */ new Date();
  if (sameDay(d3, now)) return t3("today");
  ago.setDate(now.getDate() - 1);
  if (sameDay(d3, ago)) return t3("yesterday");
  const days = (now.getTime() - d3.getTime()) / 864e5;
  if (days > 0 && days < 6) return format("weekday", { weekday: "long" }).format(d3);
  if (d3.getFullYear() === now.getFullYear()) return format("day", { day: "numeric", month: "long" }).format(d3);
  return format("year", { day: "numeric", month: "long", year: "numeric" }).format(d3);
}
function when(time) {
  const d3 = new Date(time), now = /* @__PURE__ */ new Date(), days = (now.getTime() - d3.getTime()) / 864e5;
  if (sameDay(d3, now)) return clock(d3);
  if (days > 0 && days < 6) return format("short", { weekday: "short" }).format(d3);
  if (d3.getFullYear() === now.getFullYear()) return format("monthday", { day: "numeric", month: "short" }).format(d3);
  return format("numeric", { day: "2-digit", month: "2-digit", year: "2-digit" }).format(d3);
}
function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let i3 = 0;
  while (bytes >= 1e3 && i3 < units.length - 1) {
    bytes /= 1e3;
    i3++;
  }
  return new Intl.NumberFormat(language.value, { style: "unit", unit: units[i3], unitDisplay: "short", maximumFractionDigits: bytes < 10 && i3 > 0 ? 1 : 0 }).format(bytes);
}

// src/reasons.ts
var known = /* @__PURE__ */ new Map([
  ["not_found", "whyNotFound"],
  ["looking", "whyLooking"],
  ["nowhere", "whyNowhere"],
  ["device_busy", "whyBusy"],
  ["session_lost", "whyReset"],
  ["no_answer", "whyNoAnswer"],
  ["device_gone", "whyDeviceGone"],
  ["no_relay", "whyNoRelay"],
  ["too_old", "whyTooOld"],
  ["removed", "whyRemoved"],
  ["blocked", "whyBlocked"],
  ["revoked", "whyRevoked"],
  ["relay_slow", "whySlow"],
  ["relay_unreachable", "whyUnreachable"],
  ["relay_busy", "whyRelayBusy"],
  ["relay_drains", "whyDrains"],
  ["relay_full", "whyRelayFull"],
  ["relay_failed", "whyRelayFailed"],
  ["relay_lies", "whyLie"],
  ["relay_banned", "whyBanned"],
  ["relay_boxes", "whyManyBoxes"],
  ["box_full", "whyBoxFull"],
  ["too_fast", "whyFast"],
  ["no_strangers", "whyStrangers"],
  ["newer", "whyNewer"],
  ["not_relay", "notRelay"],
  ["relays_full", "relaysFull"],
  ["no_such_relay", "relayGone"],
  ["not_invite", "notInvite"],
  ["invite_over", "inviteOver"],
  ["self", "inviteSelf"],
  ["contacts_full", "contactsFull"],
  ["no_contact", "noContact"],
  ["no_message", "noMessage"],
  ["outbox_full", "outboxFull"],
  ["disk_full", "diskFull"],
  ["wrong_words", "wordsWrong"],
  ["no_words", "wordsGone"],
  ["stopped", "accountStops"],
  ["not_picture", "pictureBad"],
  ["picture_large", "pictureLarge"]
]);
function told(reason, sentence) {
  const key = known.get(reason ?? "");
  return key ? t3(key) : sentence;
}
var foreign = (reason) => !known.has(reason ?? "");

// src/state.ts
var accounts = signal(null);
var chats = signal([]);
var loaded = signal(false);
var failure = signal("");
var account = computed(() => {
  const all = accounts.value ?? [];
  return (all.find((a3) => a3.name === choices.value.account) ?? all.find((a3) => a3.state === "running") ?? all[0])?.name ?? "";
});
var me = computed(() => (accounts.value ?? []).find((a3) => a3.name === account.value));
var at = (rest = "") => "/v1/accounts/" + encodeURIComponent(account.value) + rest;
var withContact = (id, rest = "") => at("/contacts/" + encodeURIComponent(id) + rest);
var place = signal(parts());
function parts() {
  return location.hash.startsWith("#/") ? location.hash.slice(2).split("/").filter(Boolean).map(decodeURIComponent) : [];
}
addEventListener("hashchange", () => {
  place.value = parts();
});
function go(...to) {
  const hash = "#/" + to.map(encodeURIComponent).join("/");
  if (location.hash !== hash) location.hash = hash;
  place.value = to;
}
function stay(...to) {
  history.replaceState(null, "", "#/" + to.map(encodeURIComponent).join("/"));
  place.value = to;
}
var open = computed(() => place.value[0] === "c" ? place.value[1] : "");
var chat = computed(() => chats.value.find((c3) => c3.with.id === open.value));
var contactName = (id) => chats.value.find((c3) => c3.with.id === id)?.with.name ?? id.slice(0, 8);
var typing = signal({});
var here = signal({});
var newest = (c3) => c3.last ? c3.last.place : "";
function sorted(all) {
  return all.slice().sort((a3, b2) => Number(!!b2.pinned) - Number(!!a3.pinned) || (newest(b2) > newest(a3) ? 1 : newest(b2) < newest(a3) ? -1 : a3.with.name.localeCompare(b2.with.name)));
}
function put(c3) {
  chats.value = sorted([...chats.value.filter((x2) => x2.with.id !== c3.with.id), c3]);
}
var toasts = signal([]);
var toastID = 0;
function toast(text, act, run, bad = false) {
  const one = { id: ++toastID, text, act, run, bad };
  toasts.value = [...toasts.value.slice(-2), one];
  setTimeout(() => dismiss(one.id), act || bad ? 8e3 : 4e3);
  return one.id;
}
function dismiss(id) {
  toasts.value = toasts.value.filter((x2) => x2.id !== id);
}
function explain(e3) {
  if (e3 instanceof Problem) {
    if (e3.code === "no_daemon") return t3("down");
    return told(e3.reason, e3.message) || e3.code;
  }
  return String(e3 instanceof Error ? e3.message : e3);
}
function complain(e3) {
  if (session.value === "in") toast(explain(e3), void 0, void 0, true);
}
var reading = null;
function read2() {
  return reading ??= (async () => {
    try {
      accounts.value = (await call("GET", "/v1/accounts")).accounts;
      failure.value = "";
      if (me.value?.state === "running") await readChats();
      loaded.value = true;
    } catch (e3) {
      failure.value = explain(e3);
    } finally {
      reading = null;
    }
  })();
}
async function readChats() {
  const name = account.value;
  const all = (await call("GET", at("/chats"))).chats;
  if (name === account.value) chats.value = sorted(all);
}
var stale = /* @__PURE__ */ new Set();
var asking = /* @__PURE__ */ new Set();
function freshen(id) {
  if (!stale.size) setTimeout(async () => {
    const ids = [...stale];
    stale.clear();
    for (const one of ids) {
      asking.add(one);
      try {
        put(await call("GET", at("/chats/" + one)));
      } catch (e3) {
        if (e3 instanceof Problem && e3.code === "not_found") chats.value = chats.value.filter((c3) => c3.with.id !== one);
      }
      asking.delete(one);
    }
  }, 60);
  stale.add(id);
}
var listeners = /* @__PURE__ */ new Set();
var refreshers = /* @__PURE__ */ new Set();
function heard(e3) {
  if (e3.type === "account") {
    void read2();
    return;
  }
  if (e3.account !== account.value) return;
  const id = e3.with ?? "";
  batch(() => {
    switch (e3.type) {
      case "message":
      case "delivery": {
        const c3 = chats.value.find((x2) => x2.with.id === id), m3 = e3.message;
        if (c3 && m3 && (!c3.last || m3.place >= c3.last.place)) {
          put({ ...c3, last: m3 });
        }
        if (m3 && !m3.own && typing.value[id]) typing.value = { ...typing.value, [id]: 0 };
        if (e3.type === "message" || asking.has(id)) freshen(id);
        break;
      }
      case "contact":
        freshen(id);
        break;
      case "chat":
        if (e3.chat) put(e3.chat);
        break;
      case "typing":
        typing.value = { ...typing.value, [id]: e3.on ? Date.now() + 8e3 : 0 };
        if (e3.on) setTimeout(() => {
          if ((typing.value[id] ?? 0) <= Date.now()) typing.value = { ...typing.value, [id]: 0 };
        }, 8100);
        break;
      case "presence":
        here.value = { ...here.value, [id]: !!e3.on };
        break;
    }
  });
  for (const f3 of listeners) f3(e3);
}
function begin2() {
  watch(heard, () => {
    void read2().then(() => {
      for (const f3 of refreshers) f3();
    });
  });
  effect(() => {
    if (session.value === "in" && accounts.peek() === null) void read2();
  });
  let was = link.value;
  effect(() => {
    if (link.value === "up" && was === "down" && session.peek() === "in") void read2();
    was = link.value;
  });
}
function switchTo(name) {
  batch(() => {
    choose({ account: name });
    chats.value = [];
    loaded.value = false;
    go();
  });
  void read2();
}
var change = (id, what) => call("PATCH", at("/chats/" + id), what).then(put, complain);
var changeContact = (id, what) => call("PATCH", withContact(id), what).then(() => freshen(id));
var markRead = (id) => call("POST", withContact(id, "/read"), {}).catch(() => {
});
var history_ = (id, query2, signal2) => call("GET", withContact(id, "/messages?" + query2), void 0, { signal: signal2 });
var unread = computed(() => chats.value.reduce((n2, c3) => n2 + (c3.archived || c3.muted || c3.with.state === "requested" || c3.with.state === "blocked" ? 0 : c3.unread), 0));

// src/portrait.tsx
var most = 400;
var shown = /* @__PURE__ */ new Map();
function portrait(name, path) {
  let url = shown.get(name);
  shown.delete(name);
  if (!url) {
    const fresh = url = signal("");
    call("GET", path).then((p3) => {
      fresh.value = URL.createObjectURL(new Blob([Uint8Array.from(atob(p3.image), (c3) => c3.charCodeAt(0))], { type: "image/jpeg" }));
    }, () => {
      if (shown.get(name) === fresh) shown.delete(name);
    });
  }
  shown.set(name, url);
  if (shown.size > most) {
    const [[old, was]] = shown;
    shown.delete(old);
    if (was.peek()) URL.revokeObjectURL(was.peek());
  }
  return url.value;
}
var ownPath = (name = account.value) => "/v1/accounts/" + encodeURIComponent(name) + "/picture";
var side = 256;
var clamp = (v3, from, to) => Math.min(Math.max(v3, from), Math.max(from, to));
function Cut({ file, close, done }) {
  const canvas = A2(null), picture = useSignal(null), zoom = useSignal(1), centre = useSignal({ x: 0, y: 0 }), drag = A2(null);
  h2(() => {
    let gone = false;
    createImageBitmap(file).then((b2) => {
      if (gone) {
        b2.close();
        return;
      }
      centre.value = { x: b2.width / 2, y: b2.height / 2 };
      picture.value = b2;
    }, () => {
      toast(t3("pictureBad"), void 0, void 0, true);
      close();
    });
    return () => {
      gone = true;
      picture.value?.close();
    };
  }, [file]);
  const p3 = picture.value, span = p3 ? Math.min(p3.width, p3.height) / zoom.value : 1;
  const move = (x2, y3) => {
    if (p3) centre.value = { x: clamp(x2, span / 2, p3.width - span / 2), y: clamp(y3, span / 2, p3.height - span / 2) };
  };
  _2(() => {
    const c3 = canvas.current?.getContext("2d");
    if (!c3 || !p3) return;
    const x2 = clamp(centre.value.x, span / 2, p3.width - span / 2), y3 = clamp(centre.value.y, span / 2, p3.height - span / 2);
    c3.fillStyle = "#fff";
    c3.fillRect(0, 0, side, side);
    c3.imageSmoothingQuality = "high";
    c3.drawImage(p3, x2 - span / 2, y3 - span / 2, span, span, 0, 0, side, side);
    c3.canvas.dataset.drawn = "";
  }, [p3, zoom.value, centre.value]);
  const widen = (by) => {
    zoom.value = clamp(zoom.value * by, 1, 8);
  };
  const save = () => canvas.current?.toBlob(async (b2) => {
    if (!b2) return;
    let text = "";
    for (const byte of new Uint8Array(await b2.arrayBuffer())) text += String.fromCharCode(byte);
    close();
    done(btoa(text));
  }, "image/jpeg", 0.9);
  return /* @__PURE__ */ k(Dialog, { title: t3("picture"), close, footer: /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: close }, t3("cancel")), /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: !p3, onClick: save }, t3("pictureUse"))) }, /* @__PURE__ */ k("p", { class: "dim" }, t3("pictureCut")), /* @__PURE__ */ k("div", { class: "cutter" }, /* @__PURE__ */ k(
    "canvas",
    {
      ref: canvas,
      width: side,
      height: side,
      tabIndex: 0,
      role: "img",
      "aria-label": t3("picture"),
      onPointerDown: (e3) => {
        e3.currentTarget.setPointerCapture(e3.pointerId);
        drag.current = { x: e3.clientX, y: e3.clientY };
      },
      onPointerMove: (e3) => {
        if (!drag.current || !p3) return;
        const scale = span / e3.currentTarget.clientWidth;
        move(centre.value.x - (e3.clientX - drag.current.x) * scale, centre.value.y - (e3.clientY - drag.current.y) * scale);
        drag.current = { x: e3.clientX, y: e3.clientY };
      },
      onPointerUp: () => {
        drag.current = null;
      },
      onPointerCancel: () => {
        drag.current = null;
      },
      onWheel: (e3) => {
        e3.preventDefault();
        widen(e3.deltaY < 0 ? 1.1 : 1 / 1.1);
      },
      onKeyDown: (e3) => {
        const step = span / 20, to = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e3.key];
        if (to) {
          e3.preventDefault();
          move(centre.value.x + to[0], centre.value.y + to[1]);
        }
        if (e3.key === "+" || e3.key === "-") {
          e3.preventDefault();
          widen(e3.key === "+" ? 1.2 : 1 / 1.2);
        }
      }
    }
  )), /* @__PURE__ */ k("label", { class: "zoom" }, /* @__PURE__ */ k(Icon, { name: "user" }), /* @__PURE__ */ k("input", { type: "range", min: "0", max: "3", step: "0.02", "aria-label": t3("zoom"), value: Math.log2(zoom.value), onInput: (e3) => {
    zoom.value = 2 ** Number(e3.currentTarget.value);
  } }), /* @__PURE__ */ k(Icon, { name: "user", class: "large" })));
}
function PickPicture({ label, done, children, class: c3 }) {
  const file = useSignal(null);
  const take3 = (f3) => {
    if (f3) {
      if (f3.size > 64 << 20) complain(new Error(t3("pictureBad")));
      else file.value = f3;
    }
  };
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("label", { class: "file " + (c3 ?? "plain"), title: label, onDragOver: (e3) => e3.preventDefault(), onDrop: (e3) => {
    e3.preventDefault();
    take3(e3.dataTransfer?.files[0]);
  } }, children ?? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k(Icon, { name: "camera" }), label), /* @__PURE__ */ k("input", { type: "file", accept: "image/jpeg,image/png,image/webp,image/*", "aria-label": label, onChange: (e3) => {
    take3(e3.currentTarget.files?.[0]);
    e3.currentTarget.value = "";
  } })), file.value && /* @__PURE__ */ k(Cut, { file: file.value, close: () => {
    file.value = null;
  }, done }));
}

// src/parts.tsx
function plain(name) {
  const text = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/g, " ").replace(/(\p{M}{3})\p{M}+/gu, "$1").trim();
  return text.length > 200 ? text.slice(0, 200) + "…" : text || "…";
}
function Name({ of, class: c3 }) {
  return /* @__PURE__ */ k("bdi", { class: "name " + (c3 ?? ""), "data-theirs": true, title: of.length > 24 ? plain(of) : void 0 }, plain(of));
}
var paths = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8-6 16-3-6z",
  more: "M12 5v.01M12 12v.01M12 19v.01",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  emoji: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 10v.01M15.5 10v.01M8 14c1 1.7 2.4 2.5 4 2.5s3-.8 4-2.5",
  reply: "M10 6L4 12l6 6M4 12h9a7 7 0 0 1 7 7",
  forward: "M14 6l6 6-6 6M20 12h-9a7 7 0 0 0-7 7",
  copy: "M9 9h10v11H9zM5 15V4h10",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5",
  select: "M5 12l5 5L20 7",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.01",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  archive: "M4 5h16v4H4zM6 9v10h12V9M10 13h4",
  mute: "M6 10v4h3l5 4V6L9 10zM18 9l4 6M22 9l-4 6",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1 1H5zM10 21h4",
  down: "M12 5v14M6 13l6 6 6-6",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v5M16 3v5",
  qr: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h3v3h-3zM20 17v3h-3",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  shield: "M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.400-8-4.500-8-9V6z",
  device: "M4 5h16v11H4zM9 20h6",
  disk: "M4 6c0-1.700 3.600-3 8-3s8 1.300 8 3v12c0 1.700-3.600 3-8 3s-8-1.300-8-3zM4 6c0 1.700 3.600 3 8 3s8-1.300 8-3M4 12c0 1.700 3.600 3 8 3s8-1.300 8-3",
  moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z",
  keyboard: "M3 7h18v10H3zM7 14h10M7 10.500v.01M11 10.500v.01M15 10.500v.01",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 20c1-4 4-6 8-6s7 2 8 6",
  users: "M9 5a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM3 19c.5-3 3-5 6-5s5.500 2 6 5M16 5.500a3.500 3.500 0 0 1 0 6.500M18 14.500c1.600.700 2.700 2.300 3 4.500",
  link: "M10 14a4 4 0 0 0 6 0l4-4a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-4 4a4 4 0 0 0 6 6l1-1",
  key: "M14 10a4 4 0 1 0-4 4l1 0 2-1 7 7v-3h-3v-3h-3z",
  share: "M12 15V4M8 8l4-4 4 4M5 12v8h14v-8",
  block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.700 5.700l12.600 12.600",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2",
  kept: "M5 12l5 5L19 8",
  delivered: "M2 12l5 5L16 8M12 17l9-9",
  failed: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v5M12 16v.01",
  check: "M5 12l5 5L20 7",
  at: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM16 8v5.500a2.500 2.500 0 0 0 5 0V12a9 9 0 1 0-4 7.500",
  bold: "M7 5h6a3.500 3.500 0 0 1 0 7H7zM7 12h7a3.500 3.500 0 0 1 0 7H7z",
  retry: "M5 12a7 7 0 1 0 2-5M5 4v4h4",
  next: "M9 5l7 7-7 7",
  unread: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  relay: "M4 12h4l2 3h4l2-3h4M4 12l3-7h10l3 7v7H4z",
  node: "M12 3v6M12 15v6M5 8l5 3M14 13l5 3M19 8l-5 3M10 13l-5 3M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18"
};
var turning = /* @__PURE__ */ new Set(["back", "next", "reply", "forward", "send"]);
function Icon({ name, class: c3 }) {
  return /* @__PURE__ */ k("svg", { class: "icon " + (turning.has(name) ? "turning " : "") + (c3 ?? ""), viewBox: "0 0 24 24", "aria-hidden": "true" }, /* @__PURE__ */ k("path", { d: paths[name] }));
}
function IconButton({ icon, label, class: c3, ...rest }) {
  return /* @__PURE__ */ k("button", { type: "button", class: "round " + (c3 ?? ""), "aria-label": label, title: label, ...rest }, /* @__PURE__ */ k(Icon, { name: icon }));
}
function Avatar({ name, id, size: size2 = "m", awake, picture, own, here: here2 }) {
  const url = here2 ?? (picture ? portrait(picture, own ? ownPath(own) : withContact(id, "/picture")) : "");
  const words = plain(name).split(/\s+/).filter(Boolean), segment = new Intl.Segmenter();
  const letters = words.slice(0, words.length > 1 && size2 !== "s" ? 2 : 1).map((w3) => [...segment.segment(w3)][0]?.segment ?? "").join("");
  return /* @__PURE__ */ k("span", { class: "avatar " + size2, "data-hue": parseInt(id.slice(0, 6) || "0", 16) % 8, "aria-hidden": "true", "data-theirs": true }, /* @__PURE__ */ k("span", null, url ? /* @__PURE__ */ k("img", { src: url, alt: "", draggable: false }) : letters.toLocaleUpperCase()), awake && /* @__PURE__ */ k("i", { class: "awake" }));
}
var Only = class extends C {
  shouldComponentUpdate(next) {
    return next.by.length !== this.props.by.length || next.by.some((x2, i3) => x2 !== this.props.by[i3]);
  }
  render() {
    return /* @__PURE__ */ k(S, null, this.props.children);
  }
};
var focusable = "a[href],button:not([disabled]),input:not([disabled]),select,textarea,[tabindex]:not([tabindex='-1'])";
var closers = [];
addEventListener("keydown", (e3) => {
  if (e3.key !== "Escape" || e3.defaultPrevented || !closers.length) return;
  e3.preventDefault();
  closers[closers.length - 1].close();
});
function useEscape(close) {
  const own = A2({ close });
  own.current.close = close;
  _2(() => {
    const mine = own.current;
    closers.push(mine);
    return () => {
      closers.splice(closers.indexOf(mine), 1);
    };
  }, []);
}
function giveBack(to, from) {
  const now = document.activeElement;
  if (to?.isConnected && (!now || now === document.body || from?.contains(now))) to.focus();
}
function Dialog({ title, close, children, wide, footer }) {
  const box = A2(null);
  useEscape(close);
  h2(() => {
    const was = document.activeElement;
    const first = box.current?.querySelector("[autofocus]") ?? box.current?.querySelector(".body " + focusable.split(",").join(",.body ")) ?? box.current?.querySelector(focusable);
    first?.focus();
    return () => giveBack(was, box.current);
  }, []);
  const key = (e3) => {
    if (e3.key !== "Tab") return;
    const all = [...box.current.querySelectorAll(focusable)].filter((x2) => x2.offsetParent !== null);
    const first = all[0], last2 = all[all.length - 1];
    if (e3.shiftKey && document.activeElement === first) {
      e3.preventDefault();
      last2?.focus();
    } else if (!e3.shiftKey && document.activeElement === last2) {
      e3.preventDefault();
      first?.focus();
    }
  };
  return /* @__PURE__ */ k("div", { class: "veil", onMouseDown: (e3) => {
    if (e3.target === e3.currentTarget) close();
  } }, /* @__PURE__ */ k("div", { class: "dialog" + (wide ? " wide" : ""), role: "dialog", "aria-modal": "true", "aria-label": title, ref: box, onKeyDown: key }, /* @__PURE__ */ k("header", null, /* @__PURE__ */ k("h2", null, title), /* @__PURE__ */ k(IconButton, { icon: "close", label: t3("close"), onClick: close })), /* @__PURE__ */ k("div", { class: "body" }, children), footer && /* @__PURE__ */ k("footer", null, footer)));
}
function Menu({ x: x2, y: y3, choices: choices2, close, top }) {
  const box = A2(null);
  useEscape(close);
  _2(() => {
    const b2 = box.current, r3 = b2.getBoundingClientRect();
    b2.style.left = Math.max(8, Math.min(document.documentElement.dir === "rtl" ? x2 - r3.width : x2, innerWidth - r3.width - 8)) + "px";
    b2.style.top = Math.max(8, Math.min(y3, innerHeight - r3.height - 8)) + "px";
    const was = document.activeElement;
    b2.querySelector("[role=menuitem]")?.focus();
    return () => giveBack(was, b2);
  }, []);
  const key = (e3) => {
    const all = [...box.current.querySelectorAll("button")], i3 = all.indexOf(document.activeElement);
    const to = { ArrowDown: i3 + 1, ArrowUp: i3 - 1 + all.length, ArrowRight: i3 + 1, ArrowLeft: i3 - 1 + all.length, Home: 0, End: all.length - 1 }[e3.key];
    if (to !== void 0) {
      e3.preventDefault();
      all[to % all.length].focus();
    }
    if (e3.key === "Tab") {
      e3.preventDefault();
      e3.stopPropagation();
      close();
    }
  };
  return /* @__PURE__ */ k("div", { class: "menu-veil", onMouseDown: (e3) => {
    if (e3.target === e3.currentTarget) close();
  }, onContextMenu: (e3) => {
    e3.preventDefault();
    close();
  } }, /* @__PURE__ */ k("div", { class: "menu", role: "menu", ref: box, onKeyDown: key }, top, choices2.map((c3) => c3 && /* @__PURE__ */ k("button", { type: "button", role: "menuitem", class: c3.bad ? "bad" : "", disabled: c3.off, onClick: () => {
    close();
    c3.run();
  } }, /* @__PURE__ */ k(Icon, { name: c3.icon ?? "next" }), /* @__PURE__ */ k("span", null, c3.text)))));
}
function Toggle({ on, label, hint, set: set2 }) {
  return /* @__PURE__ */ k("label", { class: "row toggle" }, /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, label), hint && /* @__PURE__ */ k("small", null, hint)), /* @__PURE__ */ k("input", { type: "checkbox", role: "switch", checked: on, onChange: (e3) => set2(e3.currentTarget.checked) }));
}
function Pick({ label, value, from, set: set2 }) {
  return /* @__PURE__ */ k("label", { class: "row" }, /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, label)), /* @__PURE__ */ k("select", { value, onChange: (e3) => set2(e3.currentTarget.value) }, from.map(([v3, text]) => /* @__PURE__ */ k("option", { value: v3, selected: v3 === value }, text))));
}
function Empty({ icon, title, children }) {
  return /* @__PURE__ */ k("div", { class: "empty" }, /* @__PURE__ */ k("span", { class: "badge" }, /* @__PURE__ */ k(Icon, { name: icon })), /* @__PURE__ */ k("h2", null, title), children);
}
function QR({ text, label }) {
  const [rows, set2] = d2([]);
  h2(() => {
    let gone = false;
    call("POST", "/v1/qr", { text }).then((d4) => {
      if (!gone) set2(d4.rows);
    }, complain);
    return () => {
      gone = true;
    };
  }, [text]);
  const n2 = rows.length;
  let d3 = "";
  rows.forEach((row, y3) => {
    for (const m3 of row.matchAll(/1+/g)) d3 += `M${m3.index + 4} ${y3 + 4}h${m3[0].length}v1h-${m3[0].length}z`;
  });
  return /* @__PURE__ */ k("div", { class: "qr" }, n2 ? /* @__PURE__ */ k("svg", { viewBox: `0 0 ${n2 + 8} ${n2 + 8}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" }, /* @__PURE__ */ k("path", { class: "light", d: `M0 0h${n2 + 8}v${n2 + 8}h-${n2 + 8}z` }), /* @__PURE__ */ k("path", { class: "dark", d: d3 })) : /* @__PURE__ */ k("span", { class: "spinner" }));
}
async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    done(t3("copied"));
  } catch (e3) {
    complain(e3);
  }
}
function Toasts() {
  return /* @__PURE__ */ k("div", { class: "toasts", role: "status", "aria-live": "polite" }, toasts.value.map((x2) => /* @__PURE__ */ k("div", { class: "toast" + (x2.bad ? " bad" : ""), key: x2.id }, /* @__PURE__ */ k("span", null, x2.text), x2.act && /* @__PURE__ */ k("button", { type: "button", onClick: () => {
    dismiss(x2.id);
    x2.run?.();
  } }, x2.act))));
}
function useBusy() {
  const [busy2, set2] = d2(false);
  return [busy2, (f3) => {
    if (busy2) return;
    set2(true);
    f3().catch(complain).finally(() => set2(false));
  }];
}

// src/format.tsx
var leaving = signal("");
var pattern = /```([\s\S]{1,8000}?)```|`([^`\n]{1,1000})`|(\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u202a-\u202e\u2066-\u2069]{1,2000})|(?<![\p{L}\p{N}*_~])(\*\*?|_|~~?)(?=[^\s*_~])([^\n]{1,1000}?)(?<=\S)\4(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])@([\p{L}\p{N}][\p{L}\p{N}._-]{0,60})/gu;
function link2(text) {
  let end = text.length;
  while (end > 0 && /[.,;:!?)\]}»”’]/.test(text[end - 1]) && !(text[end - 1] === ")" && text.slice(0, end).includes("("))) end--;
  try {
    const u3 = new URL(text.slice(0, end));
    return u3.protocol === "http:" || u3.protocol === "https:" ? [text.slice(0, end), text.slice(end)] : null;
  } catch {
    return null;
  }
}
function format2(text, found = "", depth = 0) {
  const out = [];
  let at2 = 0;
  for (const m3 of text.matchAll(pattern)) {
    if (m3.index < at2) continue;
    let node = null, end = m3.index + m3[0].length;
    if (m3[1] !== void 0) node = /* @__PURE__ */ k("pre", null, /* @__PURE__ */ k("code", null, m3[1].replace(/^\n/, "")));
    else if (m3[2] !== void 0) node = /* @__PURE__ */ k("code", null, m3[2]);
    else if (m3[3] !== void 0) {
      const l3 = link2(m3[3]);
      if (!l3) continue;
      end -= l3[1].length;
      node = /* @__PURE__ */ k("a", { href: l3[0], rel: "noopener noreferrer nofollow", target: "_blank", onClick: (e3) => {
        e3.preventDefault();
        e3.stopPropagation();
        leaving.value = l3[0];
      } }, l3[0]);
    } else if (m3[4] !== void 0) {
      if (depth > 2) continue;
      const inner = format2(m3[5], found, depth + 1);
      node = m3[4][0] === "*" ? /* @__PURE__ */ k("b", null, inner) : m3[4] === "_" ? /* @__PURE__ */ k("i", null, inner) : /* @__PURE__ */ k("s", null, inner);
    } else node = /* @__PURE__ */ k("span", { class: "mention" }, "@", m3[6]);
    out.push(...mark(text.slice(at2, m3.index), found), node);
    at2 = end;
  }
  out.push(...mark(text.slice(at2), found));
  return out;
}
function mark(text, found) {
  if (!text) return [];
  if (!found) return [text];
  const out = [], low = text.toLowerCase(), what = found.toLowerCase();
  if (low.length !== text.length) return [text];
  let at2 = 0;
  for (let i3 = low.indexOf(what); i3 >= 0; i3 = low.indexOf(what, at2)) {
    out.push(text.slice(at2, i3), /* @__PURE__ */ k("mark", null, text.slice(i3, i3 + what.length)));
    at2 = i3 + what.length;
  }
  out.push(text.slice(at2));
  return out;
}
function jumbo(text) {
  return text.length <= 40 && /^(?:\p{RGI_Emoji}\s*){1,3}$/v.test(text.trim());
}
function Leave() {
  const to = leaving.value;
  if (!to) return null;
  const u3 = new URL(to), close = () => {
    leaving.value = "";
  };
  const strange = /(^|\.)xn--/.test(u3.hostname), user = u3.username !== "";
  return /* @__PURE__ */ k(Dialog, { title: t3("leaveTitle"), close, footer: /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: close }, t3("cancel")), /* @__PURE__ */ k("button", { type: "button", class: "main", autofocus: true, onClick: () => {
    window.open(to, "_blank", "noopener,noreferrer");
    close();
  } }, t3("leaveGo"))) }, /* @__PURE__ */ k("p", null, t3("leaveText")), /* @__PURE__ */ k("p", { class: "host", "data-theirs": true }, u3.hostname), /* @__PURE__ */ k("p", { class: "whole", "data-theirs": true, dir: "ltr" }, u3.href.length > 600 ? u3.href.slice(0, 600) + "…" : u3.href), (strange || user) && /* @__PURE__ */ k("p", { class: "warn" }, t3(user ? "leaveUser" : "leaveStrange")));
}
var brief = (text) => text.slice(0, 300).replace(/\s+/g, " ");

// src/thread.ts
var pageSize = 60;
var firstSize = 40;
var most2 = 240;
var none = { id: "", messages: [], older: "", newer: "", ready: false, firstUnread: "" };
var thread = signal(none);
var target = signal(null);
var missedBelow = signal(0);
var busy = { older: false, newer: false };
var jump = 0;
var byPlace = (a3, b2) => a3.place < b2.place ? -1 : a3.place > b2.place ? 1 : 0;
function merge(have, more) {
  const all = new Map(have.map((m3) => [m3.id, m3]));
  for (const m3 of more) all.set(m3.id, m3);
  return [...all.values()].sort(byPlace);
}
function set(id, part) {
  if (thread.value.id === id) thread.value = { ...thread.value, ...part };
}
async function enter(id) {
  const mine = ++jump;
  busy = { older: false, newer: false };
  batch(() => {
    thread.value = { ...none, id };
    missedBelow.value = 0;
    target.value = null;
  });
  if (!id) return;
  try {
    const page = await history_(id, "limit=" + firstSize);
    if (mine !== jump) return;
    const messages = page.messages.slice().reverse();
    let firstUnread = "";
    if (chats.value.find((c3) => c3.with.id === id)?.unread) firstUnread = messages.find((m3) => m3.unread)?.id ?? "";
    set(id, { messages, older: page.before ?? "", newer: "", ready: true, firstUnread });
  } catch (e3) {
    if (mine === jump && !(e3 instanceof Problem && e3.code === "not_found")) complain(e3);
    set(id, { ready: true });
  }
}
async function loadOlder() {
  const th = thread.value, mine = jump;
  if (!th.older || busy.older) return;
  busy.older = true;
  try {
    const page = await history_(th.id, "limit=" + pageSize + "&before=" + th.older);
    if (mine !== jump) return;
    let messages = merge(thread.value.messages, page.messages), newer = thread.value.newer;
    if (messages.length > most2) {
      messages = messages.slice(0, most2);
      newer = messages[most2 - 1].place;
    }
    set(th.id, { messages, older: page.before ?? "", newer });
  } catch (e3) {
    complain(e3);
  } finally {
    if (mine === jump) busy.older = false;
  }
}
async function loadNewer() {
  const th = thread.value, mine = jump;
  if (!th.newer || busy.newer) return;
  busy.newer = true;
  try {
    const page = await history_(th.id, "limit=" + pageSize + "&after=" + th.newer);
    if (mine !== jump) return;
    let messages = merge(thread.value.messages, page.messages), older = thread.value.older;
    if (messages.length > most2) {
      messages = messages.slice(-most2);
      older = messages[0].place;
    }
    set(th.id, { messages, older, newer: page.after ?? "" });
  } catch (e3) {
    complain(e3);
  } finally {
    if (mine === jump) busy.newer = false;
  }
}
async function toEnd() {
  if (thread.value.newer) await enter(thread.value.id);
  missedBelow.value = 0;
  target.value = { id: "", at: Date.now() };
}
async function show(id) {
  if (thread.value.messages.some((m3) => m3.id === id)) {
    target.value = { id, at: Date.now() };
    return;
  }
  try {
    const m3 = await call("GET", at("/messages/" + id));
    if (m3.with === thread.value.id) await around(m3.place, m3);
    target.value = { id, at: Date.now() };
  } catch (e3) {
    complain(e3);
  }
}
async function around(where, self) {
  const id = thread.value.id, mine = ++jump;
  busy = { older: false, newer: false };
  const [before, after] = await Promise.all([history_(id, "limit=40&before=" + where), history_(id, "limit=40&after=" + where)]);
  if (mine !== jump) return;
  set(id, { messages: merge(self ? [self] : [], [...before.messages, ...after.messages]), older: before.before ?? "", newer: after.after ?? "", ready: true });
}
async function showDay(day2) {
  const id = thread.value.id, mine = ++jump;
  busy = { older: false, newer: false };
  try {
    const page = await history_(id, "limit=" + pageSize + "&since=" + encodeURIComponent(day2.toISOString()));
    if (mine !== jump || !page.messages.length) return false;
    const messages = page.messages.slice().reverse();
    set(id, { messages, older: page.before ?? messages[0].place, newer: page.after ?? "", ready: true });
    target.value = { id: messages[0].id, at: Date.now() };
    return true;
  } catch (e3) {
    complain(e3);
    return false;
  }
}
function take(e3) {
  const th = thread.value;
  if (e3.with !== th.id || !th.ready) return;
  if (e3.gone) {
    set(th.id, { messages: th.messages.filter((m4) => m4.id !== e3.gone) });
    return;
  }
  const m3 = e3.message;
  if (!m3) return;
  if (th.messages.some((x2) => x2.id === m3.id)) {
    set(th.id, { messages: th.messages.map((x2) => x2.id === m3.id ? m3 : x2) });
    return;
  }
  if (e3.type === "delivery") return;
  if (th.newer) {
    if (!m3.own && m3.unread) missedBelow.value++;
    return;
  }
  if (th.older && th.messages.length && m3.place < th.messages[0].place) return;
  let rest = th.messages;
  if (m3.own) {
    const i3 = rest.findIndex((x2) => x2.pending === "sending" && x2.text === m3.text);
    if (i3 >= 0) rest = rest.filter((_3, j3) => j3 !== i3);
  }
  let messages = merge(rest, [m3]);
  if (messages.length > most2 + pageSize) messages = messages.slice(-most2);
  set(th.id, { messages, older: messages[0]?.place !== rest[0]?.place && messages.length >= most2 ? messages[0].place : th.older });
}
async function say(id, text, reply, again) {
  const key = again?.key ?? crypto.randomUUID();
  const draft = {
    id: "~" + key,
    with: id,
    author: "",
    name: "",
    own: true,
    time: (/* @__PURE__ */ new Date()).toISOString(),
    kind: "text",
    text,
    key,
    place: "~" + Date.now().toString().padStart(16, "0") + key,
    pending: "sending",
    reply_to: reply ? { id: reply.id, author: reply.author, name: reply.name, text: reply.text } : again?.reply_to
  };
  if (thread.value.newer && thread.value.id === id) await enter(id);
  set(id, { messages: merge(thread.value.messages.filter((m3) => m3.key !== key), [draft]), firstUnread: "" });
  target.value = { id: "", at: Date.now() };
  try {
    const m3 = await call("POST", withContact(id, "/messages"), { text, ...draft.reply_to ? { reply: draft.reply_to.id } : {} }, { key });
    const rest = thread.value.messages.filter((x2) => x2.key !== key);
    set(id, { messages: rest.some((x2) => x2.id === m3.id) ? rest : merge(rest, [m3]) });
  } catch (e3) {
    set(id, { messages: thread.value.messages.map((m3) => m3.key === key ? { ...m3, pending: "unsent", problem: explain(e3) } : m3) });
  }
}
var drop = (m3) => set(m3.with, { messages: thread.value.messages.filter((x2) => x2.id !== m3.id) });
function begin3() {
  listeners.add(take);
  watchLate();
  refreshers.add(() => {
    if (thread.value.id && !thread.value.newer) void renew();
  });
  effect(() => {
    const id = loaded.value && account.value ? open.value : "";
    if (id !== thread.peek().id) void enter(id);
  });
}
async function renew() {
  const th = thread.value, mine = jump;
  try {
    const page = await history_(th.id, "limit=" + Math.min(500, Math.max(pageSize, th.messages.length)));
    if (mine !== jump) return;
    const waiting2 = thread.value.messages.filter((m3) => m3.pending);
    set(th.id, { messages: merge(waiting2, page.messages), older: page.before ?? "", ready: true });
  } catch (e3) {
    complain(e3);
  }
}
async function lookAgain(id) {
  const had = thread.value.messages.find((m3) => m3.id === id);
  if (!had) return;
  try {
    const m3 = await call("GET", at("/messages/" + id));
    if (JSON.stringify(m3.deliveries) !== JSON.stringify(had.deliveries) && thread.value.messages.includes(had)) set(m3.with, { messages: thread.value.messages.map((x2) => x2.id === id ? m3 : x2) });
  } catch {
  }
}
function watchLate() {
  let next = 0;
  const late = () => {
    const m3 = thread.value.messages.at(-1);
    return m3?.own && !m3.pending && m3.state === "queued" ? m3.id : "";
  };
  effect(() => {
    const id = late();
    clearTimeout(next);
    if (id) next = setTimeout(() => {
      if (late() === id) void lookAgain(id);
    }, 1e3);
  });
  listeners.add((e3) => {
    if (e3.type === "waiting" && e3.with === thread.value.id && late()) void lookAgain(late());
  });
}
var draftTimer = 0;
var draftOf = "";
var draftText = "";
function keepDraft(id, text, soon = false) {
  if (draftOf && draftOf !== id) flushDraft();
  draftOf = id;
  draftText = text;
  clearTimeout(draftTimer);
  if (soon) flushDraft();
  else draftTimer = setTimeout(flushDraft, 700);
}
function flushDraft() {
  clearTimeout(draftTimer);
  if (!draftOf) return;
  const id = draftOf, c3 = chats.value.find((x2) => x2.with.id === id);
  draftOf = "";
  if (c3 && (c3.draft ?? "") !== draftText) void change(id, { draft: draftText });
}
addEventListener("pagehide", flushDraft);

// src/ticks.tsx
function stateText(m3) {
  if (m3.pending === "unsent") return t3("stateUnsent");
  if (m3.pending) return t3("stateSending");
  switch (m3.state) {
    case "kept": {
      const d3 = m3.deliveries?.find((x2) => x2.state === "kept");
      return d3?.relays ? t3("stateKeptBy", { n: d3.relays, until: d3.until ? date(d3.until) : "" }) : t3("stateKept");
    }
    case "delivered":
      return t3("stateDelivered");
    case "read":
      return t3("stateRead");
    case "failed":
      return t3("stateFailed");
    default:
      return t3("stateQueued");
  }
}
function Ticks({ m: m3 }) {
  if (!m3.own) return null;
  const state = m3.pending === "unsent" ? "failed" : m3.pending ? "queued" : m3.state ?? "queued", text = stateText(m3);
  const icon = { queued: "clock", kept: "kept", delivered: "delivered", read: "delivered", failed: "failed" }[state];
  return /* @__PURE__ */ k("span", { class: "ticks " + state, title: text }, /* @__PURE__ */ k(Icon, { name: icon }), /* @__PURE__ */ k("span", { class: "sr" }, text));
}
function why(m3) {
  if (m3.pending === "unsent") return m3.problem || "";
  if (m3.state !== "queued" && m3.state !== "failed") return "";
  const d3 = m3.deliveries?.find((x2) => x2.why);
  return d3?.why ? told(d3.reason, d3.why) : "";
}
var foreignWhy = (m3) => m3.pending !== "unsent" && foreign(m3.deliveries?.find((x2) => x2.why)?.reason);
function deliveryText(d3) {
  switch (d3.state) {
    case "delivered":
      return d3.at ? t3("deliveredAt", { time: moment(d3.at) }) : t3("stateDelivered");
    case "read":
      return d3.at ? t3("readAt", { time: moment(d3.at) }) : t3("stateRead");
    case "kept":
      return t3("stateKeptBy", { n: d3.relays ?? 0, until: d3.until ? date(d3.until) : "" });
    case "failed":
      return t3("stateFailed");
    default:
      return d3.next ? t3("queuedNext", { time: moment(d3.next) }) : t3("stateQueued");
  }
}

// src/list.tsx
var rowHeight = 72;
var filter = signal("all");
var query = signal("");
var waiting = (c3) => c3.with.state === "requested";
var calls = (c3) => c3.unread > 0 || c3.marked;
function shown2() {
  const f3 = place.value[0] === "archive" ? "archived" : place.value[0] === "requests" ? "requests" : filter.value;
  const all = chats.value.filter((c3) => c3.with.state !== "blocked" || open.value === c3.with.id);
  switch (f3) {
    case "requests":
      return all.filter(waiting);
    case "archived":
      return all.filter((c3) => c3.archived && !waiting(c3));
    case "unread":
      return all.filter((c3) => (calls(c3) || c3.with.id === open.value) && !c3.archived && !waiting(c3));
    default:
      return all.filter((c3) => !c3.archived && !waiting(c3));
  }
}
function muteChoices(c3) {
  const until2 = (hours) => new Date(Date.now() + hours * 36e5).toISOString();
  if (c3.muted) return [{ icon: "bell", text: t3("unmute"), run: () => change(c3.with.id, { muted: (/* @__PURE__ */ new Date(0)).toISOString() }) }];
  return [["mute1h", 1], ["mute8h", 8], ["mute1w", 168], ["muteEver", 24 * 3650]].map(([key, hours]) => ({ icon: "mute", text: t3(key), run: () => {
    void change(c3.with.id, { muted: until2(hours) });
  } }));
}
function Row({ c: c3, top, onMenu }) {
  const id = c3.with.id, writes = (typing.value[id] ?? 0) > Date.now(), m3 = c3.last, calling = calls(c3);
  let text = "";
  if (m3) text = m3.deleted ? t3("deletedMessage") : m3.kind === "contact" ? t3("card", { name: plain(m3.card?.name ?? "") }) : m3.kind === "newer" ? t3("newerShort") : m3.hidden ? t3("hidden") : brief(m3.text ?? "");
  const said = writes ? t3("writes") : c3.draft && open.value !== id ? brief(c3.draft) : text || t3(c3.with.state === "asked" ? "askedShort" : "nothingYet");
  const hold = A2(0);
  return /* @__PURE__ */ k("div", { class: "chat" + (open.value === id ? " open" : "") + (calling ? " calling" : ""), role: "listitem", style: { top: top + "px" } }, /* @__PURE__ */ k(
    "a",
    {
      href: "#/c/" + id,
      "aria-current": open.value === id ? "true" : void 0,
      onContextMenu: (e3) => {
        e3.preventDefault();
        onMenu(c3, e3.clientX, e3.clientY);
      },
      onTouchStart: (e3) => {
        const p3 = e3.touches[0];
        hold.current = setTimeout(() => onMenu(c3, p3.clientX, p3.clientY), 550);
      },
      onTouchEnd: () => clearTimeout(hold.current),
      onTouchMove: () => clearTimeout(hold.current),
      onKeyDown: (e3) => {
        if (e3.key === "ContextMenu" || e3.shiftKey && e3.key === "F10") {
          e3.preventDefault();
          const r3 = e3.currentTarget.getBoundingClientRect();
          onMenu(c3, r3.left + 60, r3.top + 40);
        }
        if (e3.key === "ArrowDown" || e3.key === "ArrowUp") {
          e3.preventDefault();
          const to = e3.currentTarget.parentElement[e3.key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling"];
          to?.querySelector("a")?.focus();
        }
      }
    },
    /* @__PURE__ */ k(Avatar, { name: c3.with.name, id, picture: c3.with.picture, awake: c3.with.awake || here.value[id] }),
    /* @__PURE__ */ k("span", { class: "lines" }, /* @__PURE__ */ k("span", { class: "line" }, /* @__PURE__ */ k(Name, { of: c3.with.name, class: "title" }), c3.with.verified && /* @__PURE__ */ k("span", { class: "mini", title: t3("verified") }, /* @__PURE__ */ k(Icon, { name: "shield" }), /* @__PURE__ */ k("span", { class: "sr" }, t3("verified"))), c3.muted && /* @__PURE__ */ k("span", { class: "mini", title: t3("muted") }, /* @__PURE__ */ k(Icon, { name: "mute" }), /* @__PURE__ */ k("span", { class: "sr" }, t3("muted"))), /* @__PURE__ */ k("span", { class: "grow" }), m3?.own && !m3.deleted && !c3.draft && /* @__PURE__ */ k(Ticks, { m: m3 }), m3 && /* @__PURE__ */ k("time", null, when(m3.time))), /* @__PURE__ */ k("span", { class: "line" }, /* @__PURE__ */ k("span", { class: "last" }, !writes && c3.draft && open.value !== id && /* @__PURE__ */ k("em", { class: "draft" }, t3("draft"), " "), writes ? /* @__PURE__ */ k("em", { class: "writes" }, said) : /* @__PURE__ */ k("bdi", { "data-theirs": !!text || !!c3.draft || void 0 }, said)), c3.pinned && /* @__PURE__ */ k("span", { class: "mini" }, /* @__PURE__ */ k(Icon, { name: "pin" }), /* @__PURE__ */ k("span", { class: "sr" }, t3("pinned"))), c3.unread > 0 ? /* @__PURE__ */ k("b", { class: "count" + (c3.muted ? " quiet" : ""), "aria-label": t3("unreadCount", { n: c3.unread }) }, c3.unread >= 1e3 ? number(999) + "+" : number(c3.unread)) : c3.marked && /* @__PURE__ */ k("b", { class: "count dot", "aria-label": t3("markedUnread") })))
  ));
}
function Pill() {
  if (link.value === "down") return /* @__PURE__ */ k("div", { class: "pill bad", role: "status" }, /* @__PURE__ */ k("span", { class: "dot" }), t3("pillDown"));
  return null;
}
function List() {
  const box = A2(null);
  const [from, setFrom] = d2(0);
  const [height, setHeight] = d2(900);
  const [menu2, setMenu] = d2(null);
  h2(() => {
    const watch2 = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 900));
    if (box.current) watch2.observe(box.current);
    return () => watch2.disconnect();
  }, []);
  const inArchive = place.value[0] === "archive", inRequests = place.value[0] === "requests", apart = inArchive || inRequests;
  const all = shown2(), first = Math.max(0, Math.floor(from / rowHeight) - 6), last2 = Math.min(all.length, Math.ceil((from + height) / rowHeight) + 6);
  const requests = chats.value.filter(waiting).length, archived = chats.value.filter((c3) => c3.archived && !waiting(c3)).length;
  const onMenu = (c3, x2, y3) => setMenu({ c: c3, x: x2, y: y3 });
  const self = me.value;
  return /* @__PURE__ */ k("aside", { class: "list", "aria-label": t3("conversations") }, /* @__PURE__ */ k("header", null, apart ? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k(IconButton, { icon: "back", label: t3("back"), onClick: () => go() }), /* @__PURE__ */ k("h1", null, t3(inArchive ? "archived" : "requests"))) : /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "me", "aria-label": t3("settings"), title: t3("settings"), onClick: () => go("settings") }, /* @__PURE__ */ k(Avatar, { name: self?.display || self?.name || "?", id: self?.id ?? "", picture: self?.picture, own: self?.name, size: "s" })), /* @__PURE__ */ k("label", { class: "search" }, /* @__PURE__ */ k(Icon, { name: "search" }), /* @__PURE__ */ k(
    "input",
    {
      id: "search",
      type: "search",
      placeholder: t3("search"),
      "aria-label": t3("search"),
      value: query.value,
      onInput: (e3) => {
        query.value = e3.currentTarget.value;
      },
      onKeyDown: (e3) => {
        if (e3.key === "Escape") {
          query.value = "";
          e3.currentTarget.blur();
        }
        if (e3.key === "ArrowDown") {
          e3.preventDefault();
          document.querySelector(".rows a")?.focus();
        }
      }
    }
  )), /* @__PURE__ */ k(IconButton, { icon: "plus", label: t3("add"), class: "accent", onClick: () => go("add") }))), /* @__PURE__ */ k(Pill, null), query.value.trim() ? /* @__PURE__ */ k(Found, { text: query.value.trim() }) : /* @__PURE__ */ k(S, null, !apart && loaded.value && chats.value.length > 0 && /* @__PURE__ */ k("div", { class: "filters", role: "group", "aria-label": t3("filter") }, ["all", "unread"].map((f3) => /* @__PURE__ */ k("button", { type: "button", "aria-pressed": filter.value === f3, onClick: () => {
    filter.value = f3;
  } }, t3(f3 === "all" ? "filterAll" : "filterUnread"))), requests > 0 && /* @__PURE__ */ k("button", { type: "button", class: "hot", onClick: () => go("requests") }, t3("requestsCount", { n: requests })), archived > 0 && /* @__PURE__ */ k("button", { type: "button", onClick: () => go("archive") }, t3("archived"))), /* @__PURE__ */ k("div", { class: "rows", ref: box, onScroll: (e3) => setFrom(e3.currentTarget.scrollTop) }, /* @__PURE__ */ k("div", { role: "list", "aria-label": t3("conversations"), style: { height: all.length * rowHeight + "px" } }, all.slice(first, last2).map((c3, i3) => /* @__PURE__ */ k(Row, { key: c3.with.id, c: c3, top: (first + i3) * rowHeight, onMenu }))), loaded.value && !all.length && (apart ? /* @__PURE__ */ k(Empty, { icon: inArchive ? "archive" : "users", title: t3(inArchive ? "noArchived" : "noRequests") }) : filter.value === "unread" ? /* @__PURE__ */ k(Empty, { icon: "check", title: t3("allRead") }) : /* @__PURE__ */ k(Empty, { icon: "users", title: t3("noChats") }, /* @__PURE__ */ k("p", null, t3("noChatsText")), /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => go("invite") }, /* @__PURE__ */ k(Icon, { name: "qr" }), t3("inviteSomebody")), /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go("add") }, t3("haveInvite")))))), menu2 && /* @__PURE__ */ k(Menu, { x: menu2.x, y: menu2.y, close: () => setMenu(null), choices: [
    { icon: "pin", text: t3(menu2.c.pinned ? "unpin" : "pin"), run: () => change(menu2.c.with.id, { pinned: !menu2.c.pinned }) },
    menu2.c.unread || menu2.c.marked ? { icon: "check", text: t3("markRead"), run: async () => {
      if (menu2.c.marked) await change(menu2.c.with.id, { marked: false });
      if (menu2.c.unread) await markRead(menu2.c.with.id);
    } } : { icon: "unread", text: t3("markUnread"), run: () => change(menu2.c.with.id, { marked: true }) },
    { icon: "archive", text: t3(menu2.c.archived ? "unarchive" : "archive"), run: () => change(menu2.c.with.id, { archived: !menu2.c.archived, ...menu2.c.archived ? {} : { pinned: false } }) },
    ...muteChoices(menu2.c),
    { icon: "user", text: t3("contactInfo"), run: () => go("c", menu2.c.with.id, "info") }
  ] }));
}
function Found({ text }) {
  const hits = useSignal([]), more = useSignal(false), busy2 = useSignal(false);
  const run = A2(null);
  const ask2 = async (skip) => {
    const size2 = skip ? 50 : 15;
    run.current?.abort();
    const mine = run.current = new AbortController();
    busy2.value = true;
    try {
      const page = await call("GET", at(`/search?text=${encodeURIComponent(text.slice(0, 80))}&limit=${size2}&skip=${skip}`), void 0, { signal: mine.signal });
      hits.value = skip ? [...hits.value, ...page.messages] : page.messages;
      more.value = page.messages.length === size2 && hits.value.length < 1e3;
      if (!skip && more.value) {
        void ask2(size2);
        return;
      }
    } catch (e3) {
      if (!mine.signal.aborted) complain(e3);
    }
    if (run.current === mine) busy2.value = false;
  };
  h2(() => {
    const wait = setTimeout(() => void ask2(0), 120);
    return () => {
      clearTimeout(wait);
      run.current?.abort();
    };
  }, [text]);
  const low = text.toLowerCase(), people = chats.value.filter((c3) => c3.with.name.toLowerCase().includes(low) || c3.with.profile?.toLowerCase().includes(low)).slice(0, 20);
  const key = (e3) => {
    const a3 = e3.currentTarget;
    const all = [...document.querySelectorAll(".rows.found a")], i3 = all.indexOf(a3);
    if (e3.key === "ArrowDown") {
      e3.preventDefault();
      all[i3 + 1]?.focus();
    }
    if (e3.key === "ArrowUp") {
      e3.preventDefault();
      (all[i3 - 1] ?? document.getElementById("search"))?.focus();
    }
  };
  return /* @__PURE__ */ k("div", { class: "rows found", onScroll: (e3) => {
    const b2 = e3.currentTarget;
    if (more.value && !busy2.value && b2.scrollTop + b2.clientHeight > b2.scrollHeight - 400) void ask2(hits.value.length);
  } }, people.length > 0 && /* @__PURE__ */ k("h2", null, t3("people")), people.map((c3) => /* @__PURE__ */ k("a", { class: "hit", href: "#/c/" + c3.with.id, onKeyDown: key, onClick: () => {
    query.value = "";
  } }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "s" }), /* @__PURE__ */ k("bdi", { class: "name", "data-theirs": true }, mark(plain(c3.with.name), text)))), hits.value.length > 0 && /* @__PURE__ */ k("h2", null, t3("messages")), hits.value.map((m3) => /* @__PURE__ */ k("a", { class: "hit tall", href: "#/c/" + m3.with, onKeyDown: key, onClick: (e3) => {
    e3.preventDefault();
    go("c", m3.with);
    setTimeout(() => void show(m3.id), 60);
  } }, /* @__PURE__ */ k("span", { class: "line" }, /* @__PURE__ */ k(Name, { of: chats.value.find((c3) => c3.with.id === m3.with)?.with.name ?? m3.name, class: "title" }), /* @__PURE__ */ k("span", { class: "grow" }), /* @__PURE__ */ k("time", null, when(m3.time))), /* @__PURE__ */ k("span", { class: "last" }, m3.own && /* @__PURE__ */ k("em", null, t3("you"), ": "), /* @__PURE__ */ k("bdi", { "data-theirs": true }, mark(excerpt(m3.text ?? "", low), text))))), busy2.value && /* @__PURE__ */ k("span", { class: "spinner" }), !busy2.value && !people.length && !hits.value.length && /* @__PURE__ */ k(Empty, { icon: "search", title: t3("nothingFound") }));
}
function excerpt(text, low) {
  const i3 = text.toLowerCase().indexOf(low);
  return brief(i3 > 40 ? "…" + text.slice(i3 - 30) : text);
}

// src/scan.tsx
var reader = null;
function load() {
  return reader ??= (async () => {
    const Native = window.BarcodeDetector;
    if (Native && (await Native.getSupportedFormats?.())?.includes("qr_code")) {
      const d3 = new Native({ formats: ["qr_code"] });
      return async (image) => (await d3.detect(image))[0]?.rawValue ?? "";
    }
    const name = "/jsqr.js";
    const jsQR = (await import(name)).default;
    const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d", { willReadFrequently: true });
    return async (image) => {
      const w3 = "videoWidth" in image ? image.videoWidth : image.width, hh = "videoHeight" in image ? image.videoHeight : image.height;
      if (!w3 || !hh) return "";
      for (const most4 of [800, 1600]) {
        const scale = Math.min(1, most4 / Math.max(w3, hh));
        canvas.width = Math.round(w3 * scale);
        canvas.height = Math.round(hh * scale);
        ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
        const found = jsQR(ctx.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height);
        if (found?.data) return found.data;
        if (scale === 1 || "videoWidth" in image) break;
      }
      return "";
    };
  })();
}
async function readPicture(file) {
  if (file.size > 20 << 20) return "";
  const image = await createImageBitmap(file);
  try {
    return await (await load())(image);
  } finally {
    image.close();
  }
}
var pictureIn = (data) => [...data?.files ?? []].find((f3) => f3.type.startsWith("image/"));
function Scan({ found, close }) {
  const video = A2(null), trouble = useSignal(""), seeing = useSignal(false);
  h2(() => {
    let stream2 = null, over = false, frame = 0;
    const look = async () => {
      if (over) return;
      const text = video.current && video.current.readyState >= 2 ? await (await load())(video.current).catch(() => "") : "";
      if (over) return;
      if (text) {
        found(text);
        return;
      }
      frame = setTimeout(look, 150);
    };
    void (async () => {
      try {
        stream2 = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
        if (over) {
          stream2.getTracks().forEach((x2) => x2.stop());
          return;
        }
        video.current.srcObject = stream2;
        await video.current.play();
        seeing.value = true;
        void look();
      } catch {
        trouble.value = t3("noCamera");
      }
    })();
    return () => {
      over = true;
      clearTimeout(frame);
      stream2?.getTracks().forEach((x2) => x2.stop());
    };
  }, []);
  const take3 = async (f3) => {
    if (!f3) return;
    try {
      const text = await readPicture(f3);
      if (text) found(text);
      else trouble.value = t3("noCode");
    } catch {
      trouble.value = t3("noCode");
    }
  };
  return /* @__PURE__ */ k(Dialog, { title: t3("scan"), close }, /* @__PURE__ */ k("div", { class: "camera", onDragOver: (e3) => e3.preventDefault(), onDrop: (e3) => {
    e3.preventDefault();
    void take3(pictureIn(e3.dataTransfer));
  } }, /* @__PURE__ */ k("video", { ref: video, muted: true, playsInline: true, "aria-label": t3("camera") }), !seeing.value && /* @__PURE__ */ k("span", { class: "badge" }, /* @__PURE__ */ k(Icon, { name: "camera" }))), /* @__PURE__ */ k("p", { class: "dim", role: "status" }, trouble.value || t3("scanText")), /* @__PURE__ */ k("label", { class: "file plain" }, t3("pictureOf"), /* @__PURE__ */ k("input", { type: "file", accept: "image/*", onChange: (e3) => void take3(e3.currentTarget.files?.[0]) })));
}

// src/contact.tsx
var prefix = "LINNET:NUMBER/";
var digits = (s3) => s3.toUpperCase().replace(prefix, "").replace(/\D/g, "");
function ContactPane() {
  const c3 = chat.value, number2 = useSignal(""), alias = useSignal(null), verifying = useSignal(false), asking2 = useSignal(""), muting = useSignal(null), [busy2, run] = useBusy();
  const id = c3?.with.id ?? "";
  h2(() => {
    number2.value = "";
    alias.value = null;
    if (id) call("GET", withContact(id)).then((x2) => {
      number2.value = x2.safety_number ?? "";
    }, complain);
  }, [id]);
  if (!c3) return null;
  const close = () => go("c", id), w3 = c3.with;
  return /* @__PURE__ */ k("aside", { class: "pane", "aria-label": t3("contactInfo") }, /* @__PURE__ */ k("header", { class: "bar" }, /* @__PURE__ */ k(IconButton, { icon: "close", label: t3("close"), onClick: close }), /* @__PURE__ */ k("h2", null, t3("contactInfo"))), /* @__PURE__ */ k("div", { class: "scroll" }, /* @__PURE__ */ k("div", { class: "portrait" }, /* @__PURE__ */ k(Avatar, { name: w3.name, id, picture: w3.picture, size: "xl", awake: w3.awake || here.value[id] }), /* @__PURE__ */ k(Name, { of: w3.name, class: "big" }), w3.alias && w3.profile && /* @__PURE__ */ k("small", null, t3("callsItself"), " ", /* @__PURE__ */ k("bdi", { "data-theirs": true }, plain(w3.profile))), w3.about && /* @__PURE__ */ k("p", { dir: "auto", "data-theirs": true }, w3.about), w3.verified && /* @__PURE__ */ k("span", { class: "tag" }, /* @__PURE__ */ k(Icon, { name: "shield" }), t3("verified"))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("identity")), /* @__PURE__ */ k("button", { type: "button", class: "row", onClick: () => {
    verifying.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "shield" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("safetyNumber")), /* @__PURE__ */ k("small", null, t3(w3.verified ? "verifiedText" : "notVerified"))), /* @__PURE__ */ k(Icon, { name: "next", class: "dim" })), /* @__PURE__ */ k("label", { class: "stack row-like" }, t3("alias"), /* @__PURE__ */ k("span", { class: "line" }, /* @__PURE__ */ k(
    "input",
    {
      class: "field",
      maxLength: 60,
      placeholder: plain(w3.profile || w3.name),
      value: alias.value ?? w3.alias ?? "",
      onInput: (e3) => {
        alias.value = e3.currentTarget.value;
      },
      onKeyDown: (e3) => {
        if (e3.key === "Enter") e3.currentTarget.blur();
      },
      onBlur: () => {
        if (alias.value !== null && alias.value.trim() !== (w3.alias ?? "")) run(() => changeContact(id, { alias: alias.value.trim() }));
      }
    }
  ))), /* @__PURE__ */ k("button", { type: "button", class: "row", onClick: () => void copy(w3.address, toast) }, /* @__PURE__ */ k(Icon, { name: "at" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("address")), /* @__PURE__ */ k("small", { class: "cut", dir: "ltr", "data-theirs": true }, w3.address)), /* @__PURE__ */ k(Icon, { name: "copy", class: "dim" }))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("conversation")), /* @__PURE__ */ k("button", { type: "button", class: "row", onClick: (e3) => {
    const r3 = e3.currentTarget.getBoundingClientRect();
    muting.value = { x: r3.left + 20, y: r3.bottom };
  } }, /* @__PURE__ */ k(Icon, { name: c3.muted ? "mute" : "bell" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("notifications")), /* @__PURE__ */ k("small", null, c3.muted ? t3("mutedUntil", { time: +new Date(c3.muted) - Date.now() > 3e11 ? t3("unmuted") : moment(c3.muted) }) : t3("notifyAll")))), /* @__PURE__ */ k(Toggle, { label: t3("pinned"), on: !!c3.pinned, set: (v3) => change(id, { pinned: v3 }) }), /* @__PURE__ */ k(Toggle, { label: t3("archived"), on: !!c3.archived, set: (v3) => change(id, { archived: v3 }) })), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("devices")), w3.devices?.length ? w3.devices.map((d3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: "device" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("deviceN", { n: d3 }))))) : /* @__PURE__ */ k("p", { class: "dim row-like" }, t3("devicesUnknown")), /* @__PURE__ */ k("p", { class: "dim row-like" }, t3("contactSince", { date: date(w3.since) }))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("button", { type: "button", class: "row bad", onClick: () => {
    asking2.value = "block";
  } }, /* @__PURE__ */ k(Icon, { name: "block" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3(w3.state === "blocked" ? "unblock" : "block")))), /* @__PURE__ */ k("button", { type: "button", class: "row bad", onClick: () => {
    asking2.value = "remove";
  } }, /* @__PURE__ */ k(Icon, { name: "trash" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("removeContact")))))), muting.value && /* @__PURE__ */ k(Menu, { x: muting.value.x, y: muting.value.y, close: () => {
    muting.value = null;
  }, choices: muteChoices(c3) }), verifying.value && /* @__PURE__ */ k(Verify, { w: w3, number: number2.value, close: () => {
    verifying.value = false;
  } }), asking2.value && /* @__PURE__ */ k(Dialog, { title: t3(asking2.value === "remove" ? "removeTitle" : w3.state === "blocked" ? "unblock" : "blockTitle", { name: plain(w3.name) }), close: () => {
    asking2.value = "";
  }, footer: /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    asking2.value = "";
  } }, t3("cancel")), /* @__PURE__ */ k("button", { type: "button", class: "main bad", disabled: busy2, onClick: () => {
    const what = asking2.value;
    asking2.value = "";
    run(async () => {
      if (what === "block") await changeContact(id, { blocked: w3.state !== "blocked" });
      else {
        await call("DELETE", withContact(id));
        chats.value = chats.value.filter((x2) => x2.with.id !== id);
        go();
      }
    });
  } }, t3(asking2.value === "remove" ? "remove" : w3.state === "blocked" ? "unblock" : "block"))) }, /* @__PURE__ */ k("p", null, t3(asking2.value === "remove" ? "removeText" : "blockText"))));
}
function Verify({ w: w3, number: number2, close }) {
  const scanning = useSignal(false), pasted = useSignal(""), result = useSignal("");
  const compare = (text) => {
    const d3 = digits(text);
    pasted.value = text;
    if (d3.length < 60) {
      result.value = "";
      return;
    }
    result.value = d3 === digits(number2) ? "same" : "different";
    if (result.value === "same" && !w3.verified) void changeContact(w3.id, { verified: true }).catch(complain);
  };
  const groups = digits(number2).match(/\d{5}/g) ?? [];
  return /* @__PURE__ */ k(Dialog, { title: t3("safetyNumber"), close, footer: /* @__PURE__ */ k("button", { type: "button", class: w3.verified ? "plain" : "main", onClick: () => void changeContact(w3.id, { verified: !w3.verified }).catch(complain) }, t3(w3.verified ? "unverify" : "markVerified")) }, /* @__PURE__ */ k("p", { class: "dim" }, t3("verifyText", { name: plain(w3.name) })), number2 && /* @__PURE__ */ k(QR, { text: prefix + digits(number2), label: t3("safetyNumber") }), /* @__PURE__ */ k("button", { type: "button", class: "digits", dir: "ltr", title: t3("copyNumber"), onClick: () => void copy(groups.join(" "), toast), "data-theirs": true }, groups.map((g2) => /* @__PURE__ */ k("span", null, g2))), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    scanning.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "camera" }), t3("scanTheirs"))), /* @__PURE__ */ k("label", { class: "stack" }, t3("pasteTheirs"), /* @__PURE__ */ k("input", { class: "field", dir: "ltr", inputMode: "numeric", value: pasted.value, onInput: (e3) => compare(e3.currentTarget.value) })), /* @__PURE__ */ k("div", { role: "status" }, result.value && /* @__PURE__ */ k("p", { class: result.value === "same" ? "good" : "warn" }, /* @__PURE__ */ k(Icon, { name: result.value === "same" ? "check" : "failed" }), t3(result.value === "same" ? "numbersSame" : "numbersDiffer"))), scanning.value && /* @__PURE__ */ k(Scan, { close: () => {
    scanning.value = false;
  }, found: (x2) => {
    scanning.value = false;
    compare(x2);
  } }));
}

// src/emoji.tsx
var quick = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
var list = `😀 grinning|😃 smiley|😄 smile|😁 grin|😆 laughing|😅 sweat smile|🤣 rofl|😂 joy tears|🙂 slight smile|🙃 upside down|😉 wink|😊 blush|😇 innocent angel|🥰 in love hearts|😍 heart eyes|🤩 star struck|😘 kiss|😋 yum|😛 tongue|😜 wink tongue|🤪 zany|😎 cool sunglasses|🤓 nerd|🧐 monocle|🤗 hug|🤔 thinking|🤫 shush|🤐 zip|🤨 eyebrow|😐 neutral|😏 smirk|🙄 eye roll|😬 grimace|😌 relieved|😔 pensive|😴 sleep|😷 mask|🤒 ill|🤕 hurt|🥳 party|😕 confused|🙁 frown|😟 worried|😮 open mouth wow|😲 astonished|🥺 pleading|😢 cry sad|😭 sob|😱 scream|😖 confounded|😞 disappointed|😤 triumph|😡 angry|🤬 swear|😈 devil|💀 skull|🤡 clown|👻 ghost|👽 alien|🤖 robot|😺 cat|🙈 see no evil|🙉 hear no evil|🙊 speak no evil|💋 kiss mark|💯 hundred|💢 anger|💥 boom|💫 dizzy|💦 sweat|💤 zzz|👋 wave hello|🤚 hand|✋ stop|🖖 vulcan|👌 ok|🤌 pinched|✌️ peace|🤞 fingers crossed|🤟 love you|🤘 rock|🤙 call me|👈 left|👉 right|👆 up|👇 down|👍 thumbs up yes|👎 thumbs down no|✊ fist|👊 punch|👏 clap|🙌 hooray|🫶 heart hands|👐 open hands|🤝 handshake|🙏 thanks please pray|💪 strong|👀 eyes|🧠 brain|👶 baby|🧒 child|👩 woman|👨 man|🧓 old|🤷 shrug|🤦 facepalm|🙋 raise hand|🏃 run|💃 dance|👪 family|❤️ heart love|🧡 orange heart|💛 yellow heart|💚 green heart|💙 blue heart|💜 purple heart|🖤 black heart|💔 broken heart|❣️ heart exclamation|💕 two hearts|💖 sparkling heart|🐶 dog|🐱 cat face|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐨 koala|🦁 lion|🐮 cow|🐷 pig|🐸 frog|🐵 monkey|🐔 chicken|🐧 penguin|🐦 bird linnet|🦆 duck|🦉 owl|🐺 wolf|🐴 horse|🦄 unicorn|🐝 bee|🦋 butterfly|🐌 snail|🐞 ladybird|🐢 turtle|🐍 snake|🐙 octopus|🐟 fish|🐬 dolphin|🐳 whale|🐘 elephant|🌵 cactus|🎄 christmas tree|🌲 tree|🌱 seedling|🍀 clover luck|🌹 rose|🌻 sunflower|🌸 blossom|🍂 leaves autumn|🌍 earth|🌙 moon|⭐ star|🌟 glowing star|✨ sparkles|⚡ lightning|🔥 fire|🌈 rainbow|☀️ sun|⛅ cloud sun|☁️ cloud|🌧️ rain|❄️ snow|☃️ snowman|🌊 wave sea|🍏 apple|🍌 banana|🍉 melon|🍇 grapes|🍓 strawberry|🍒 cherry|🍑 peach|🍍 pineapple|🥑 avocado|🍅 tomato|🥕 carrot|🌽 corn|🍞 bread|🧀 cheese|🥚 egg|🥓 bacon|🍔 burger|🍟 fries|🍕 pizza|🌮 taco|🥗 salad|🍝 pasta|🍜 noodles|🍣 sushi|🍦 ice cream|🍩 doughnut|🍪 biscuit cookie|🎂 cake birthday|🍫 chocolate|🍿 popcorn|☕ coffee|🍵 tea|🥛 milk|🍺 beer|🍻 cheers|🥂 champagne|🍷 wine|🍸 cocktail|⚽ football|🏀 basketball|🎾 tennis|🏓 table tennis|🎯 target|🎮 game|🎲 dice|♟️ chess|🎸 guitar|🎹 piano|🎧 headphones|🎤 microphone|🎬 film|🎨 art|🏆 trophy|🥇 gold medal|🚗 car|🚕 taxi|🚌 bus|🚲 bicycle|✈️ plane|🚀 rocket|🚆 train|⛵ boat|🏠 house home|🏢 office|🏖️ beach|🏔️ mountain|🗺️ map|⌚ watch|📱 phone|💻 laptop|🖨️ printer|📷 camera|📺 television|💡 idea light|🔋 battery|🔌 plug|💰 money|💳 card|💎 gem|🔧 spanner|🔨 hammer|🔑 key|🔒 lock|🔓 unlock|📦 parcel|✉️ letter|📧 mail|📅 calendar|📎 paperclip|✂️ scissors|📌 pin|📝 memo|📚 books|🔍 search|🎁 gift|🎈 balloon|🎉 tada party|⏰ alarm|⏳ hourglass|✅ done yes|☑️ checked|✔️ check|❌ no cross|❗ exclamation|❓ question|⚠️ warning|🚫 forbidden|💬 speech|➕ plus|➖ minus|➡️ arrow right|⬅️ arrow left|🔁 repeat|🆗 ok button|🆕 new|🏁 finish|🏳️‍🌈 pride|🇻🇳 vietnam|🇬🇧 britain|🇪🇺 europe|🇺🇸 america`.split("|").map((x2) => {
  const i3 = x2.indexOf(" ");
  return { emoji: x2.slice(0, i3), name: x2.slice(i3 + 1) };
});
var recent = () => {
  try {
    return JSON.parse(localStorage.getItem("linnet-emoji") ?? "[]");
  } catch {
    return [];
  }
};
function used(emoji) {
  localStorage.setItem("linnet-emoji", JSON.stringify([emoji, ...recent().filter((x2) => x2 !== emoji)].slice(0, 18)));
}
var findEmoji = (name, most4) => list.filter((x2) => x2.name.split(" ").some((w3) => w3.startsWith(name.toLowerCase()))).slice(0, most4);
function EmojiPicker({ choose: choose2, close }) {
  const [find, set2] = d2("");
  const box = A2(null);
  useEscape(close);
  const all = find ? findEmoji(find, 200) : list, last2 = find ? [] : recent();
  const take3 = (e3) => {
    used(e3);
    choose2(e3);
  };
  const key = (e3) => {
    const buttons = [...box.current.querySelectorAll("button")], i3 = buttons.indexOf(document.activeElement);
    if (e3.key === "Enter" && i3 < 0) {
      e3.preventDefault();
      if (all[0]) take3(all[0].emoji);
      return;
    }
    const perRow = Math.max(1, Math.round((box.current.clientWidth - 16) / 40));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: i3 < 0 ? 1 : perRow, ArrowUp: -perRow }[e3.key];
    if (step !== void 0 && (i3 >= 0 || e3.key === "ArrowDown")) {
      e3.preventDefault();
      (buttons[i3 + step] ?? box.current.querySelector("input")).focus();
    }
  };
  return /* @__PURE__ */ k("div", { class: "menu-veil", onMouseDown: (e3) => {
    if (e3.target === e3.currentTarget) close();
  } }, /* @__PURE__ */ k("div", { class: "picker", role: "dialog", "aria-label": t3("emoji"), ref: box, onKeyDown: key }, /* @__PURE__ */ k("input", { type: "search", placeholder: t3("emojiFind"), "aria-label": t3("emojiFind"), autofocus: true, ref: (x2) => {
    if (x2 && !x2.dataset.seen) {
      x2.dataset.seen = "1";
      x2.focus();
    }
  }, value: find, onInput: (e3) => set2(e3.currentTarget.value) }), /* @__PURE__ */ k("div", { class: "grid", "data-theirs": true }, last2.map((e3) => /* @__PURE__ */ k("button", { type: "button", onClick: () => take3(e3) }, e3)), last2.length > 0 && /* @__PURE__ */ k("hr", null), all.map((e3) => /* @__PURE__ */ k("button", { type: "button", title: e3.name, "aria-label": e3.name, onClick: () => take3(e3.emoji) }, e3.emoji))), !all.length && /* @__PURE__ */ k("p", { class: "dim" }, t3("nothingFound"))));
}

// src/composer.tsx
var replying = signal(null);
var editing = signal(null);
var given = signal(null);
var maxBytes = 16384;
var sizeOf = (text) => new TextEncoder().encode(text).length;
var area = () => document.getElementById("composer");
function insert(text) {
  const a3 = area();
  if (!a3) return;
  a3.focus();
  if (!document.execCommand("insertText", false, text)) {
    a3.setRangeText(text, a3.selectionStart, a3.selectionEnd, "end");
    a3.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}
function wrap(sign) {
  const a3 = area();
  if (!a3) return;
  const { selectionStart: s3, selectionEnd: e3 } = a3, text = a3.value.slice(s3, e3);
  const has = text.length >= 2 * sign.length && text.startsWith(sign) && text.endsWith(sign);
  insert(has ? text.slice(sign.length, -sign.length) : sign + text + sign);
  if (has) a3.setSelectionRange(s3, e3 - 2 * sign.length);
  else a3.setSelectionRange(s3 + sign.length, e3 + sign.length);
}
function suggest(text, cursor) {
  const before = text.slice(Math.max(0, cursor - 40), cursor);
  const emoji = /(?:^|\s):([a-z]{2,20})$/.exec(before);
  if (emoji) return findEmoji(emoji[1], 6).map((x2) => ({ show: x2.emoji, name: x2.name, put: x2.emoji + " ", from: cursor - emoji[1].length - 1 }));
  const at2 = /(?:^|\s)@([\p{L}\p{N}._-]{0,30})$/u.exec(before);
  if (at2) {
    const low = at2[1].toLowerCase();
    return chats.value.filter((c3) => c3.with.state === "accepted" && plain(c3.with.name).toLowerCase().startsWith(low)).slice(0, 6).map((c3) => ({ show: "@", name: plain(c3.with.name), put: "@" + plain(c3.with.name).replace(/\s+/g, "_") + " ", from: cursor - at2[1].length - 1 }));
  }
  return [];
}
function Composer({ c: c3 }) {
  const id = c3.with.id, text = useSignal(c3.draft ?? ""), picker = useSignal(false), list2 = useSignal([]), chosen = useSignal(0), signs = useSignal(false);
  const told2 = A2(0), composing = A2(false), stash = A2("");
  const edit = editing.value?.with === id ? editing.value : null, reply = replying.value?.with === id ? replying.value : null;
  const size2 = text.value.length * 3 > maxBytes - 2e3 ? sizeOf(text.value) : 0;
  const type = (on) => {
    if (on && Date.now() - told2.current < 4e3 || !on && !told2.current) return;
    told2.current = on ? Date.now() : 0;
    void call("POST", at("/contacts/" + id + "/typing"), { on }).catch(() => {
    });
  };
  _2(() => {
    replying.value = editing.value = null;
    if (!matchMedia("(pointer: coarse)").matches) area()?.focus();
    const hear = (e3) => {
      if (e3.type === "chat" && e3.with === id && e3.chat && document.activeElement !== area() && !editing.value) text.value = e3.chat.draft ?? "";
    };
    listeners.add(hear);
    return () => {
      listeners.delete(hear);
      flushDraft();
      type(false);
    };
  }, []);
  _2(() => {
    const m3 = editing.value;
    if (m3?.with === id) {
      stash.current = text.value;
      text.value = m3.text ?? "";
      const a3 = area();
      if (a3) {
        a3.value = text.value;
        a3.focus();
        a3.setSelectionRange(a3.value.length, a3.value.length);
      }
    }
  }, [editing.value]);
  _2(() => {
    const g2 = given.value, a3 = area();
    if (g2?.with !== id || !a3) return;
    given.value = null;
    a3.setSelectionRange(a3.value.length, a3.value.length);
    insert((a3.value && !a3.value.endsWith("\n") ? "\n" : "") + g2.text);
  }, [given.value]);
  _2(() => {
    const a3 = area();
    if (!a3) return;
    a3.style.height = "0";
    a3.style.height = Math.min(a3.scrollHeight, innerHeight * 0.4) + "px";
  }, [text.value]);
  const cancel = () => {
    if (editing.value) {
      editing.value = null;
      text.value = stash.current;
      keepDraft(id, text.value);
    }
    replying.value = null;
  };
  const put2 = (s3) => {
    const a3 = area();
    a3.setSelectionRange(s3.from, a3.selectionStart);
    insert(s3.put);
    if (s3.show !== "@") used(s3.show);
    list2.value = [];
  };
  const send = () => {
    const said = text.value.trim();
    if (!said || sizeOf(said) > maxBytes) return;
    if (edit) {
      type(false);
      if (said !== edit.text) void call("PATCH", at("/messages/" + edit.id), { text: said }).catch(complain);
      text.value = stash.current;
      editing.value = null;
      return;
    }
    told2.current = 0;
    void say(id, said, reply ?? void 0);
    text.value = "";
    replying.value = null;
    list2.value = [];
    keepDraft(id, "", true);
    area()?.focus();
  };
  const key = (e3) => {
    if (e3.isComposing || composing.current) return;
    const a3 = e3.currentTarget, mod2 = e3.ctrlKey || e3.metaKey;
    if (list2.value.length) {
      const n2 = list2.value.length;
      if (e3.key === "ArrowDown" || e3.key === "ArrowUp") {
        e3.preventDefault();
        chosen.value = (chosen.value + (e3.key === "ArrowDown" ? 1 : n2 - 1)) % n2;
        return;
      }
      if (e3.key === "Enter" || e3.key === "Tab") {
        e3.preventDefault();
        put2(list2.value[chosen.value]);
        return;
      }
      if (e3.key === "Escape") {
        e3.preventDefault();
        e3.stopPropagation();
        list2.value = [];
        return;
      }
    }
    if (e3.key === "Enter" && !e3.shiftKey && !e3.altKey && (choices.value.enter ? !mod2 : mod2)) {
      e3.preventDefault();
      send();
      return;
    }
    if (e3.key === "Escape" && (edit || reply)) {
      e3.preventDefault();
      e3.stopPropagation();
      cancel();
      return;
    }
    if (e3.key === "ArrowUp" && !mod2 && !e3.shiftKey && !a3.value) {
      const mine = thread.value.messages.filter((m3) => m3.own && m3.kind === "text" && !m3.deleted && !m3.pending).pop();
      if (mine) {
        e3.preventDefault();
        editing.value = mine;
      }
      return;
    }
    if (mod2 && (e3.key === "ArrowUp" || e3.key === "ArrowDown") && !edit) {
      e3.preventDefault();
      const all = thread.value.messages.filter((m3) => !m3.deleted && !m3.pending), i3 = reply ? all.findIndex((m3) => m3.id === reply.id) : all.length;
      replying.value = all[e3.key === "ArrowUp" ? Math.max(0, i3 - 1) : i3 + 1] ?? null;
      return;
    }
    if (mod2 && !e3.shiftKey && "bie".includes(e3.key.toLowerCase()) && e3.key.length === 1) {
      e3.preventDefault();
      wrap({ b: "*", i: "_", e: "`" }[e3.key.toLowerCase()]);
    }
    if (mod2 && e3.shiftKey && e3.key.toLowerCase() === "x") {
      e3.preventDefault();
      wrap("~");
    }
  };
  return /* @__PURE__ */ k("div", { class: "composer" }, (edit || reply) && /* @__PURE__ */ k("div", { class: "about" }, /* @__PURE__ */ k(Icon, { name: edit ? "edit" : "reply" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, edit ? t3("editing") : reply.own ? t3("replyToSelf") : t3("replyTo", { name: plain(reply.name) })), /* @__PURE__ */ k("span", { "data-theirs": true, dir: "auto" }, brief((edit ?? reply).text ?? ""))), /* @__PURE__ */ k(IconButton, { icon: "close", label: t3("cancel"), onClick: cancel })), list2.value.length > 0 && /* @__PURE__ */ k("div", { class: "suggestions", role: "listbox", "aria-label": t3("suggestions") }, list2.value.map((s3, i3) => /* @__PURE__ */ k("button", { type: "button", role: "option", "aria-selected": i3 === chosen.value, onMouseDown: (e3) => {
    e3.preventDefault();
    put2(s3);
  }, "data-theirs": true }, s3.show, " ", /* @__PURE__ */ k("span", null, s3.name)))), signs.value && /* @__PURE__ */ k("div", { class: "signs", role: "toolbar", "aria-label": t3("formatting") }, [["*", "bold", "B"], ["_", "italic", "I"], ["~", "struck", "S"], ["`", "code", "<>"]].map(([sign, name, show2]) => /* @__PURE__ */ k("button", { type: "button", class: name, "aria-label": t3(name), title: t3(name), onMouseDown: (e3) => {
    e3.preventDefault();
    wrap(sign);
  }, "data-theirs": true }, show2))), /* @__PURE__ */ k("div", { class: "write" }, /* @__PURE__ */ k(IconButton, { icon: "emoji", label: t3("emoji"), onClick: () => {
    picker.value = true;
  } }), /* @__PURE__ */ k(
    "textarea",
    {
      id: "composer",
      rows: 1,
      dir: "auto",
      placeholder: t3("write"),
      "aria-label": t3("writeTo", { name: plain(c3.with.name) }),
      value: text.value,
      spellcheck: true,
      onInput: (e3) => {
        text.value = e3.currentTarget.value;
        list2.value = suggest(text.value, e3.currentTarget.selectionStart);
        chosen.value = 0;
        if (!editing.value) keepDraft(id, text.value);
        type(text.value !== "");
      },
      onKeyDown: key,
      onCompositionStart: () => {
        composing.current = true;
      },
      onCompositionEnd: () => {
        composing.current = false;
      },
      onBlur: () => {
        flushDraft();
        list2.value = [];
      },
      onDragOver: (e3) => {
        if (e3.dataTransfer?.types.includes("text/plain")) e3.preventDefault();
      }
    }
  ), /* @__PURE__ */ k(IconButton, { icon: "bold", label: t3("formatting"), class: "not-narrow", "aria-pressed": signs.value, onClick: () => {
    signs.value = !signs.value;
  } }), /* @__PURE__ */ k(IconButton, { icon: edit ? "check" : "send", label: t3(edit ? "saveEdit" : "send"), class: "accent", disabled: !text.value.trim() || size2 > maxBytes, onClick: send })), size2 > maxBytes - 2e3 && /* @__PURE__ */ k("p", { class: "size" + (size2 > maxBytes ? " bad" : "") }, t3("bytesLeft", { n: number(maxBytes - size2) })), picker.value && /* @__PURE__ */ k(EmojiPicker, { close: () => {
    picker.value = false;
    area()?.focus();
  }, choose: (e3) => {
    picker.value = false;
    insert(e3);
  } }));
}

// src/relays.tsx
var relays = signal(null);
var isRelay = (text) => /^\s*linnet:relay[/]/i.test(text);
var leaveDays = 31;
var most3 = 3;
async function readRelays() {
  const name = account.value, all = (await call("GET", at("/relays"))).relays ?? [];
  if (name === account.value) relays.value = all;
}
async function addRelay(address) {
  relays.value = (await call("POST", at("/relays"), { address: address.trim() })).relays ?? [];
}
function hostOf(r3) {
  const hosts = (r3.addresses ?? []).map((a3) => /^\/(dns[46]?|ip[46])\/([^/]+)/.exec(a3)).filter((x2) => x2 !== null);
  return (hosts.find((x2) => x2[1].startsWith("dns")) ?? hosts[0])?.[2] ?? "";
}
var shortRelay = (id) => id.slice(0, 4) + " " + id.slice(4, 8);
function RelayName({ id }) {
  const r3 = relays.value?.find((x2) => x2.id === id), host = r3 ? hostOf(r3) : "";
  return /* @__PURE__ */ k("span", { class: "relay-name" }, host && /* @__PURE__ */ k("bdi", { "data-theirs": true }, host, " "), /* @__PURE__ */ k("code", { dir: "ltr", "data-theirs": true }, shortRelay(id)));
}
function Reason({ of, line }) {
  const text = told(of.reason, of.why ?? "");
  return /* @__PURE__ */ k("bdi", { "data-theirs": foreign(of.reason) || void 0 }, line ? text.charAt(0).toLocaleUpperCase() + text.slice(1) : text);
}
function Health({ r: r3 }) {
  const until2 = new Date(Date.parse(r3.since) + leaveDays * 864e5);
  const lines2 = [];
  if (r3.state === "leaving") lines2.push(/* @__PURE__ */ k("span", null, t3("relayLeaving", { date: date(until2) })));
  else if (r3.state === "allowed") lines2.push(/* @__PURE__ */ k("span", null, t3("relayAllowed")));
  else if (r3.drains) lines2.push(/* @__PURE__ */ k("span", { class: "warned" }, t3("relayDrains")));
  else if (r3.listens) lines2.push(/* @__PURE__ */ k("span", null, t3("relayListens")));
  else if (r3.connected || r3.seen && !r3.why) lines2.push(/* @__PURE__ */ k("span", null, t3("relayVisited")));
  else if (!r3.why) lines2.push(/* @__PURE__ */ k("span", null, t3("relayOpening")));
  if (r3.why) lines2.push(/* @__PURE__ */ k("span", { class: "bad" }, /* @__PURE__ */ k(Reason, { of: r3, line: !lines2.length })));
  if (r3.state === "used" && r3.seen && !r3.why && !r3.drains && r3.ready === void 0) lines2.push(/* @__PURE__ */ k("span", null, t3("relaySupplied")));
  if (r3.invited) lines2.push(/* @__PURE__ */ k("span", null, t3("relayInvited")));
  if (r3.seen && !r3.connected) lines2.push(/* @__PURE__ */ k("span", null, t3("relaySeen", { time: moment(r3.seen) })));
  if (Math.abs(r3.ahead_ms ?? 0) > 6e4) lines2.push(/* @__PURE__ */ k("span", { class: "warned" }, t3(r3.ahead_ms > 0 ? "relayAhead" : "relayBehind", { n: Math.round(Math.abs(r3.ahead_ms) / 1e3) })));
  return /* @__PURE__ */ k("small", { class: "health" }, lines2.map((x2, i3) => /* @__PURE__ */ k(S, null, i3 > 0 && " · ", x2)));
}
var well = (r3) => r3.why ? "fail" : r3.drains || r3.state === "leaving" ? "warn" : r3.state === "used" && r3.seen ? "ok" : "";
function RelaysPage() {
  const adding = useSignal(false), removing2 = useSignal(null), opened = useSignal(""), keeping = useSignal([]), [busy2, run] = useBusy();
  const count = A2(() => {
  });
  count.current = () => {
    call("GET", at("/custody")).then((x2) => {
      keeping.value = x2.relays ?? [];
    }, complain);
  };
  h2(() => {
    let wait = 0, next = 0;
    const look = () => {
      next = 0;
      void readRelays().catch(() => {
      });
    };
    const soon = () => {
      wait ||= setTimeout(() => {
        wait = 0;
        count.current();
      }, 500);
    };
    const hear = (e3) => {
      if (e3.type === "delivery") soon();
      if (e3.type === "relay") next ||= setTimeout(look, 150);
    };
    const all2 = () => {
      look();
      count.current();
    };
    listeners.add(hear);
    refreshers.add(all2);
    all2();
    return () => {
      clearTimeout(next);
      clearTimeout(wait);
      listeners.delete(hear);
      refreshers.delete(all2);
    };
  }, []);
  const all = relays.value, used2 = all?.filter((r3) => r3.state === "used") ?? [];
  if (!all) return /* @__PURE__ */ k("span", { class: "spinner" });
  const gone = removing2.value;
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", { class: "dim" }, t3("relaysText")), all.length === 0 ? /* @__PURE__ */ k(Empty, { icon: "relay", title: t3("relaysNone") }, /* @__PURE__ */ k("p", null, t3("relaysNoneText"))) : /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("relaysOwn")), all.map((r3) => /* @__PURE__ */ k("div", { class: "relay", key: r3.id }, /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k("span", { class: "state-dot " + well(r3) }, /* @__PURE__ */ k(Icon, { name: "relay" })), /* @__PURE__ */ k("button", { type: "button", class: "grow open-relay", "aria-expanded": opened.value === r3.id, onClick: () => {
    opened.value = opened.value === r3.id ? "" : r3.id;
  } }, /* @__PURE__ */ k("b", null, /* @__PURE__ */ k(RelayName, { id: r3.id })), /* @__PURE__ */ k(Health, { r: r3 })), r3.state !== "leaving" && /* @__PURE__ */ k(IconButton, { icon: "trash", label: t3("relayRemove"), disabled: busy2, onClick: () => {
    removing2.value = r3;
  } })), opened.value === r3.id && /* @__PURE__ */ k("dl", { class: "facts" }, /* @__PURE__ */ k("dt", null, t3("relayKey")), /* @__PURE__ */ k("dd", null, /* @__PURE__ */ k("code", { class: "wrap", dir: "ltr", "data-theirs": true }, r3.id)), (r3.addresses ?? []).map((a3) => /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("dt", null, t3("address")), /* @__PURE__ */ k("dd", { dir: "ltr", "data-theirs": true }, a3))), /* @__PURE__ */ k("dt", null, t3("relaySince")), /* @__PURE__ */ k("dd", null, moment(r3.since)))))), used2.length > 0 && used2.length < 2 && /* @__PURE__ */ k("p", { class: "warn" }, t3("relayOne")), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: all.length ? "plain" : "main", onClick: () => {
    adding.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "plus" }), t3("relayAdd"))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("custody")), keeping.value.length === 0 ? /* @__PURE__ */ k("p", { class: "dim row-like" }, t3("custodyNone")) : keeping.value.map((k3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: "kept" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, /* @__PURE__ */ k(RelayName, { id: k3.relay })), /* @__PURE__ */ k("small", null, t3("custodyCount", { n: k3.messages, until: date(k3.until) })))))), /* @__PURE__ */ k("p", { class: "dim" }, t3("relaysBlind")), adding.value && /* @__PURE__ */ k(AddRelay, { close: () => {
    adding.value = false;
  }, full: used2.length >= most3 }), gone && /* @__PURE__ */ k(Dialog, { title: t3("relayRemoveTitle"), close: () => {
    removing2.value = null;
  }, footer: /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    removing2.value = null;
  } }, t3("cancel")), /* @__PURE__ */ k("button", { type: "button", class: "main bad", disabled: busy2, onClick: () => run(async () => {
    relays.value = (await call("DELETE", at("/relays/" + gone.id))).relays ?? [];
    removing2.value = null;
  }) }, t3("remove"))) }, /* @__PURE__ */ k("p", { class: "host" }, /* @__PURE__ */ k(RelayName, { id: gone.id })), /* @__PURE__ */ k("p", null, t3(gone.state === "allowed" ? "relayForgetText" : "relayRemoveText")), gone.state === "used" && used2.length === 1 && all.every((r3) => r3.state !== "allowed") && /* @__PURE__ */ k("p", { class: "warn" }, t3("relayLast"))));
}
function AddRelay({ close, full }) {
  const text = useSignal(""), wrong = useSignal(""), scanning = useSignal(false), [busy2, run] = useBusy();
  const put2 = (value) => {
    text.value = value;
    wrong.value = value.trim() && !isRelay(value) ? t3("notRelay") : "";
  };
  const picture = async (f3) => {
    if (f3) {
      const code = await readPicture(f3).catch(() => "");
      if (code) put2(code);
      else wrong.value = t3("noCode");
    }
  };
  const add = () => run(async () => {
    try {
      await addRelay(text.value);
      close();
      toast(t3("relayAdded"));
    } catch (e3) {
      wrong.value = explain(e3);
    }
  });
  const ready = isRelay(text.value) && !busy2;
  return /* @__PURE__ */ k(Dialog, { title: t3("relayAdd"), close, footer: /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: !ready, onClick: add }, t3("addShort")) }, /* @__PURE__ */ k("p", { class: "dim" }, t3("relayAddText")), /* @__PURE__ */ k(
    "textarea",
    {
      class: "field code",
      rows: 4,
      dir: "ltr",
      autofocus: true,
      spellcheck: false,
      placeholder: "linnet:relay/…",
      "aria-label": t3("relayAddress"),
      value: text.value,
      onInput: (e3) => put2(e3.currentTarget.value),
      onPaste: (e3) => {
        const f3 = pictureIn(e3.clipboardData);
        if (f3) {
          e3.preventDefault();
          void picture(f3);
        }
      },
      onDragOver: (e3) => e3.preventDefault(),
      onDrop: (e3) => {
        const f3 = pictureIn(e3.dataTransfer);
        if (f3) {
          e3.preventDefault();
          void picture(f3);
        }
      },
      onKeyDown: (e3) => {
        if (e3.key === "Enter" && !e3.shiftKey) {
          e3.preventDefault();
          if (ready) add();
        }
      }
    }
  ), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    scanning.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "camera" }), t3("scan"))), /* @__PURE__ */ k("div", { role: "status" }, wrong.value && /* @__PURE__ */ k("p", { class: "warn" }, wrong.value), full && !wrong.value && /* @__PURE__ */ k("p", { class: "dim" }, t3("relayReserve"))), /* @__PURE__ */ k("p", { class: "dim" }, t3("relayRun"), " ", /* @__PURE__ */ k("code", { "data-theirs": true }, "linnet-relay")), scanning.value && /* @__PURE__ */ k(Scan, { close: () => {
    scanning.value = false;
  }, found: (x2) => {
    scanning.value = false;
    put2(x2);
  } }));
}

// src/conversation.tsx
var together = 5 * 6e4;
var selected = signal(null);
var forwarding = signal(null);
var menu = signal(null);
var picking = signal(null);
var details = signal(null);
var removing = signal(null);
var dating = signal(false);
function react(m3, emoji) {
  const mine = m3.reactions?.find((r3) => r3.own)?.emoji;
  void call("PUT", at("/messages/" + m3.id + "/reaction"), { emoji: mine === emoji ? "" : emoji }).catch(complain);
}
var canAct = (m3) => !m3.pending && !m3.deleted;
var canEdit = (m3) => !!m3.own && canAct(m3) && m3.kind === "text";
function openMenu(m3, x2, y3) {
  menu.value = { m: m3, x: x2, y: y3 };
}
function Quoted({ m: m3, jump: jump2 }) {
  const q2 = m3.reply_to;
  const inner = /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("b", null, /* @__PURE__ */ k("bdi", { "data-theirs": true }, q2.author === me.value?.id || !q2.author ? t3("you") : plain(q2.name))), /* @__PURE__ */ k("span", { "data-theirs": true, dir: "auto" }, q2.text ? brief(q2.text) : "…"));
  return jump2 ? /* @__PURE__ */ k("button", { type: "button", class: "quote", onClick: () => void show(q2.id) }, inner) : /* @__PURE__ */ k("div", { class: "quote" }, inner);
}
function Reactions({ m: m3 }) {
  if (!m3.reactions?.length) return null;
  const by = /* @__PURE__ */ new Map();
  for (const r3 of m3.reactions) by.set(r3.emoji, [...by.get(r3.emoji) ?? [], r3]);
  return /* @__PURE__ */ k("div", { class: "reactions" }, [...by].slice(0, 20).map(([emoji, all]) => /* @__PURE__ */ k("button", { type: "button", class: all.some((r3) => r3.own) ? "mine" : "", title: all.map((r3) => r3.own ? t3("you") : plain(r3.name)).join(", "), "aria-label": t3("reactionBy", { emoji: brief(emoji), names: all.map((r3) => r3.own ? t3("you") : plain(r3.name)).join(", ") }), "aria-pressed": all.some((r3) => r3.own), onClick: (e3) => {
    e3.stopPropagation();
    react(m3, emoji);
  } }, /* @__PURE__ */ k("span", { "data-theirs": true }, emoji.slice(0, 16)), all.length > 1 && /* @__PURE__ */ k("span", null, number(all.length)))));
}
var longText = 2500;
function Text({ m: m3 }) {
  const all = useSignal(false), text = m3.text ?? "";
  if (jumbo(text)) return /* @__PURE__ */ k("div", { class: "text jumbo", "data-theirs": true }, text);
  const cut = text.length > longText && !all.value;
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("div", { class: "text", dir: "auto", "data-theirs": true }, format2(cut ? text.slice(0, longText) + "…" : text)), cut && /* @__PURE__ */ k("button", { type: "button", class: "link", onClick: (e3) => {
    e3.stopPropagation();
    all.value = true;
  } }, t3("showAll")));
}
function Content({ m: m3 }) {
  if (m3.deleted) return /* @__PURE__ */ k("div", { class: "text gone" }, t3("deletedMessage"));
  if (m3.hidden) return /* @__PURE__ */ k("div", { class: "text gone" }, t3("hidden"));
  switch (m3.kind) {
    case "text":
      return /* @__PURE__ */ k(Text, { m: m3 });
    case "contact":
      return /* @__PURE__ */ k("div", { class: "card" }, /* @__PURE__ */ k(Avatar, { name: m3.card?.name || "?", id: "", size: "s" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(Name, { of: m3.card?.name || t3("somebody") }), /* @__PURE__ */ k("small", null, t3("contactCard"))), /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: (e3) => {
        e3.stopPropagation();
        go("add", m3.card.address);
      } }, t3("addShort")));
    case "timer":
      return /* @__PURE__ */ k("div", { class: "text gone" }, t3("timerChanged"));
    default:
      return /* @__PURE__ */ k("div", { class: "text gone" }, t3("newer"));
  }
}
function Bubble({ m: m3, head, tail, last: last2, flash }) {
  const chosen = selected.value?.has(m3.id) ?? false, choosing = selected.value !== null;
  const hold = A2(0);
  const toggle = () => {
    const next = new Set(selected.value ?? []);
    if (!next.delete(m3.id)) next.add(m3.id);
    selected.value = next;
  };
  const late = last2 || m3.pending === "unsent" || m3.state === "failed" ? why(m3) : "", kept = last2 && !!m3.own && m3.state === "kept" && !m3.deleted;
  const key = (e3) => {
    if (e3.target !== e3.currentTarget) return;
    const row = e3.currentTarget, all = [...row.closest(".messages").querySelectorAll(".message")], i3 = all.indexOf(row);
    const did = () => {
      e3.preventDefault();
      e3.stopPropagation();
    };
    if (e3.ctrlKey || e3.metaKey || e3.altKey) return;
    switch (e3.key) {
      case "ArrowUp":
        did();
        all[i3 - 1]?.focus();
        break;
      case "ArrowDown":
        did();
        if (all[i3 + 1]) all[i3 + 1].focus();
        else document.getElementById("composer")?.focus();
        break;
      case "r":
      case "R":
        if (canAct(m3)) {
          did();
          replying.value = m3;
          document.getElementById("composer")?.focus();
        }
        break;
      case "e":
      case "E":
        if (canEdit(m3)) {
          did();
          editing.value = m3;
        }
        break;
      case "Delete":
      case "Backspace":
        if (!m3.pending) {
          did();
          removing.value = [m3];
        }
        break;
      case " ":
      case "Enter":
        did();
        if (choosing) toggle();
        else {
          const r3 = row.querySelector(".bubble").getBoundingClientRect();
          openMenu(m3, r3.left + 20, Math.max(80, r3.top + 20));
        }
        break;
      case "ContextMenu":
      case "F10":
        if (e3.key === "F10" && !e3.shiftKey) return;
        did();
        {
          const r3 = row.querySelector(".bubble").getBoundingClientRect();
          openMenu(m3, r3.left + 20, r3.top + 20);
        }
        break;
    }
  };
  return /* @__PURE__ */ k(
    "div",
    {
      class: "message" + (m3.own ? " own" : "") + (head ? " head" : "") + (tail ? " tail" : "") + (chosen ? " chosen" : "") + (m3.pending ? " pending" : "") + (flash ? " flash" : ""),
      "data-id": m3.id,
      role: "article",
      tabIndex: last2 ? 0 : -1,
      "aria-label": `${m3.own ? t3("you") : plain(m3.name)}, ${clock(m3.time)}`,
      onKeyDown: key,
      onClick: () => {
        if (choosing && !m3.pending) toggle();
      }
    },
    choosing && /* @__PURE__ */ k("span", { class: "box" + (chosen ? " on" : ""), "aria-hidden": "true" }, /* @__PURE__ */ k(Icon, { name: "check" })),
    /* @__PURE__ */ k(
      "div",
      {
        class: "bubble",
        onContextMenu: (e3) => {
          if (choosing || e3.target.closest("a")) return;
          if (String(getSelection()).length) return;
          e3.preventDefault();
          openMenu(m3, e3.clientX, e3.clientY);
        },
        onDblClick: () => {
          if (!choosing && canAct(m3)) {
            getSelection()?.removeAllRanges();
            replying.value = m3;
            document.getElementById("composer")?.focus();
          }
        },
        onTouchStart: (e3) => {
          const p3 = e3.touches[0];
          hold.current = setTimeout(() => openMenu(m3, p3.clientX, p3.clientY), 500);
        },
        onTouchEnd: () => clearTimeout(hold.current),
        onTouchMove: () => clearTimeout(hold.current)
      },
      m3.reply_to && !m3.deleted && /* @__PURE__ */ k(Quoted, { m: m3, jump: true }),
      /* @__PURE__ */ k(Content, { m: m3 }),
      /* @__PURE__ */ k("span", { class: "meta" }, m3.edited && !m3.deleted && /* @__PURE__ */ k("span", null, t3("edited")), /* @__PURE__ */ k("time", { dateTime: m3.time, title: moment(m3.time) }, m3.wrong_time ? "~" : "", clock(m3.time)), /* @__PURE__ */ k(Ticks, { m: m3 })),
      !m3.deleted && /* @__PURE__ */ k(Reactions, { m: m3 })
    ),
    !choosing && canAct(m3) && /* @__PURE__ */ k("div", { class: "tools" }, /* @__PURE__ */ k(IconButton, { icon: "emoji", label: t3("react"), tabIndex: -1, onClick: (e3) => {
      e3.stopPropagation();
      picking.value = m3;
    } }), /* @__PURE__ */ k(IconButton, { icon: "reply", label: t3("reply"), tabIndex: -1, onClick: (e3) => {
      e3.stopPropagation();
      replying.value = m3;
      document.getElementById("composer")?.focus();
    } }), /* @__PURE__ */ k(IconButton, { icon: "more", label: t3("more"), tabIndex: -1, onClick: (e3) => {
      e3.stopPropagation();
      const r3 = e3.currentTarget.getBoundingClientRect();
      openMenu(m3, r3.left, r3.bottom + 4);
    } })),
    (late || kept || m3.pending === "unsent") && /* @__PURE__ */ k("p", { class: "late" + (m3.state === "failed" || m3.pending === "unsent" ? " bad" : "") }, /* @__PURE__ */ k("span", null, m3.pending === "unsent" ? t3("stateUnsent") : stateText(m3), late ? ": " : "", late && /* @__PURE__ */ k("bdi", { "data-theirs": foreignWhy(m3) || void 0 }, late)), m3.pending === "unsent" ? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "link", onClick: () => void say(m3.with, m3.text ?? "", void 0, m3) }, t3("tryAgain")), /* @__PURE__ */ k("button", { type: "button", class: "link", onClick: () => drop(m3) }, t3("discard"))) : m3.state === "failed" ? /* @__PURE__ */ k("button", { type: "button", class: "link", onClick: () => void call("POST", at("/messages/" + m3.id + "/retry"), {}).catch(complain) }, t3("tryAgain")) : /* @__PURE__ */ k("button", { type: "button", class: "link", onClick: () => {
      details.value = m3;
    } }, t3("whyLate")))
  );
}
function Messages() {
  const box = A2(null), stuck = A2(true), anchor = A2(null), was = A2("");
  const th = thread.value, self = me.value?.id;
  const atEnd = useSignal(true);
  const b2 = box.current;
  anchor.current = null;
  if (b2 && was.current === th.id && !stuck.current) {
    const top = b2.getBoundingClientRect().top;
    for (const x2 of b2.querySelectorAll(".message")) {
      const r3 = x2.getBoundingClientRect();
      if (r3.bottom > top) {
        anchor.current = { id: x2.dataset.id, top: r3.top };
        break;
      }
    }
  }
  _2(() => {
    const b3 = box.current;
    if (!b3) return;
    if (was.current !== th.id || !th.ready) {
      stuck.current = true;
      if (th.ready) was.current = th.id;
    }
    if (stuck.current && !th.newer) {
      const line = th.firstUnread && was.current === th.id && !b3.dataset.lined ? b3.querySelector(".unread-line") : null;
      if (line && line.offsetTop < b3.scrollHeight - b3.clientHeight) {
        b3.scrollTop = line.offsetTop - 80;
        stuck.current = false;
      } else b3.scrollTop = b3.scrollHeight;
      if (th.ready) b3.dataset.lined = "1";
    } else if (anchor.current) {
      const x2 = b3.querySelector(`.message[data-id="${CSS.escape(anchor.current.id)}"]`);
      if (x2) b3.scrollTop += x2.getBoundingClientRect().top - anchor.current.top;
    }
    scrolled();
  }, [th]);
  h2(() => {
    if (box.current) delete box.current.dataset.lined;
  }, [th.id]);
  h2(() => {
    const go2 = target.value, b3 = box.current;
    if (!go2 || !b3) return;
    if (!go2.id) {
      stuck.current = true;
      b3.scrollTop = b3.scrollHeight;
      return;
    }
    const x2 = b3.querySelector(`.message[data-id="${CSS.escape(go2.id)}"]`);
    if (!x2) return;
    stuck.current = false;
    x2.scrollIntoView({ block: "center" });
    x2.classList.remove("flash");
    void x2.offsetWidth;
    x2.classList.add("flash");
    x2.focus({ preventScroll: true });
  }, [target.value]);
  h2(() => {
    const b3 = box.current;
    const watch2 = new ResizeObserver(() => {
      if (stuck.current) b3.scrollTop = b3.scrollHeight;
    });
    watch2.observe(b3);
    return () => watch2.disconnect();
  }, []);
  const scrolled = () => {
    const b3 = box.current, th2 = thread.value;
    if (!b3 || !th2.ready) return;
    const below = b3.scrollHeight - b3.scrollTop - b3.clientHeight;
    stuck.current = below < 48 && !th2.newer;
    atEnd.value = below < 240 && !th2.newer;
    if (stuck.current) missedBelow.value = 0;
    if (b3.scrollTop < 900 && th2.older) void loadOlder();
    if (below < 900 && th2.newer) void loadNewer();
    look();
  };
  const look = () => {
    const c3 = chat.value;
    if (!c3 || !stuck.current || !document.hasFocus() || document.hidden || c3.with.state === "requested") return;
    if (c3.unread > 0) void markRead(c3.with.id);
    if (c3.marked) void change(c3.with.id, { marked: false });
  };
  h2(() => {
    const soon = () => look();
    addEventListener("focus", soon);
    document.addEventListener("visibilitychange", soon);
    return () => {
      removeEventListener("focus", soon);
      document.removeEventListener("visibilitychange", soon);
    };
  }, []);
  h2(() => {
    look();
  }, [chat.value?.unread, chat.value?.marked]);
  const days = [];
  const n2 = th.messages.length, choosing = selected.value;
  th.messages.forEach((m3, i3) => {
    const before = th.messages[i3 - 1], after = th.messages[i3 + 1];
    const close = (x2) => !!x2 && (x2.own ?? false) === (m3.own ?? false) && sameDay(x2.time, m3.time) && Math.abs(Date.parse(x2.time) - Date.parse(m3.time)) < together;
    if (!before || !sameDay(before.time, m3.time)) days.push({ key: m3.time.slice(0, 10) + i3, time: m3.time, rows: [] });
    const line = th.firstUnread === m3.id, head = !close(before) || line, tail = !close(after) || after.id === th.firstUnread, last2 = i3 === n2 - 1, flash = target.value?.id === m3.id;
    const rows = days[days.length - 1].rows;
    if (line) rows.push(/* @__PURE__ */ k("div", { class: "unread-line", key: "line", role: "separator" }, /* @__PURE__ */ k("span", null, t3("unreadBelow"))));
    rows.push(/* @__PURE__ */ k(Only, { key: m3.key ?? m3.id, by: [m3, head, tail, last2, choosing, self, flash] }, /* @__PURE__ */ k(Bubble, { m: m3, head, tail, last: last2, flash })));
  });
  return /* @__PURE__ */ k("div", { class: "messages-box" }, /* @__PURE__ */ k(
    "div",
    {
      class: "messages" + (choosing ? " choosing" : ""),
      ref: box,
      onScroll: scrolled,
      onDragOver: (e3) => {
        if (e3.dataTransfer?.types.includes("text/plain")) e3.preventDefault();
      },
      onDrop: (e3) => {
        const text = e3.dataTransfer?.getData("text/plain");
        if (text) {
          e3.preventDefault();
          insert(text);
        }
      }
    },
    th.older ? /* @__PURE__ */ k("div", { class: "spinner" }) : th.ready && /* @__PURE__ */ k(Beginning, null),
    /* @__PURE__ */ k("div", { role: "group", "aria-label": t3("messages") }, days.map((d3) => /* @__PURE__ */ k("section", { key: d3.key }, /* @__PURE__ */ k("div", { class: "day" }, /* @__PURE__ */ k("button", { type: "button", onClick: () => {
      dating.value = true;
    } }, day(d3.time))), d3.rows))),
    th.newer && /* @__PURE__ */ k("div", { class: "spinner" })
  ), !atEnd.value && /* @__PURE__ */ k("button", { type: "button", class: "to-end", "aria-label": t3("toEnd"), title: t3("toEnd"), onClick: () => void toEnd() }, /* @__PURE__ */ k(Icon, { name: "down" }), (missedBelow.value || chat.value?.unread || 0) > 0 && /* @__PURE__ */ k("b", { class: "count" }, number(Math.min(999, missedBelow.value || chat.value.unread)))));
}
function Beginning() {
  const c3 = chat.value;
  if (!c3) return null;
  return /* @__PURE__ */ k("div", { class: "beginning" }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "l" }), /* @__PURE__ */ k(Name, { of: c3.with.name, class: "big" }), /* @__PURE__ */ k("p", null, c3.with.state === "asked" ? t3("askedText") : c3.with.verified ? t3("beginVerified") : t3("beginText")), c3.with.state === "accepted" && !c3.with.verified && /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go("c", c3.with.id, "info") }, /* @__PURE__ */ k(Icon, { name: "shield" }), t3("verifyThem")));
}
function Request() {
  const c3 = chat.value, [busy2, run] = useBusy();
  return /* @__PURE__ */ k("div", { class: "request", role: "region", "aria-label": t3("request") }, /* @__PURE__ */ k("p", null, t3("requestText", { name: plain(c3.with.name) })), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "plain bad", disabled: busy2, onClick: () => run(async () => {
    await call("PATCH", withContact(c3.with.id), { blocked: true });
    go();
  }) }, t3("block")), /* @__PURE__ */ k("button", { type: "button", class: "plain", disabled: busy2, onClick: () => run(async () => {
    await call("DELETE", withContact(c3.with.id));
    chats.value = chats.value.filter((x2) => x2.with.id !== c3.with.id);
    go();
  }) }, t3("refuse")), /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: busy2, onClick: () => run(() => call("POST", withContact(c3.with.id, "/accept"), {})) }, t3("accept"))));
}
async function remove(all, everyone) {
  for (const m3 of all) {
    try {
      await call("DELETE", at("/messages/" + m3.id + (everyone ? "?everyone=true" : "")));
      if (!everyone) drop(m3);
    } catch (e3) {
      complain(e3);
      return;
    }
  }
}
function Remove() {
  const all = removing.value;
  if (!all) return null;
  const close = () => {
    removing.value = null;
    selected.value = null;
  };
  const mine = all.every((m3) => m3.own && !m3.deleted);
  return /* @__PURE__ */ k(Dialog, { title: t3("deleteTitle", { n: all.length }), close: () => {
    removing.value = null;
  }, footer: /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    removing.value = null;
  } }, t3("cancel")), /* @__PURE__ */ k("button", { type: "button", class: "plain bad", onClick: () => {
    close();
    void remove(all, false);
  } }, t3("deleteHere")), mine && /* @__PURE__ */ k("button", { type: "button", class: "main bad", onClick: () => {
    close();
    void remove(all, true);
  } }, t3("deleteEverywhere"))) }, /* @__PURE__ */ k("p", null, t3(mine ? "deleteText" : "deleteTextTheirs")));
}
function Details() {
  const open2 = details.value;
  h2(() => {
    if (open2?.own && open2.deliveries?.some((d3) => d3.kept?.length)) void readRelays().catch(() => {
    });
  }, [open2?.id]);
  h2(() => {
    if (!open2?.own) return;
    let again = 0;
    const look = async () => {
      clearTimeout(again);
      await lookAgain(open2.id);
      const m4 = thread.value.messages.find((x2) => x2.id === open2.id), tries = (m4?.deliveries ?? []).flatMap((d3) => d3.state === "queued" && d3.next ? [+new Date(d3.next)] : []);
      clearTimeout(again);
      if (tries.length && !gone) again = setTimeout(look, Math.max(1500, Math.min(...tries) - Date.now() + 1500));
    };
    let gone = false;
    const hear = (e3) => {
      if (e3.type === "waiting" && e3.with === open2.with) void look();
    };
    listeners.add(hear);
    void look();
    return () => {
      gone = true;
      clearTimeout(again);
      listeners.delete(hear);
    };
  }, [open2?.id]);
  if (!open2) return null;
  const m3 = thread.value.messages.find((x2) => x2.id === open2.id) ?? open2, late = m3.state === "queued" || m3.state === "kept" || m3.state === "failed";
  const relays2 = new Set(m3.deliveries?.flatMap((d3) => d3.kept?.map((k3) => k3.relay) ?? []));
  return /* @__PURE__ */ k(Dialog, { title: t3("details"), close: () => {
    details.value = null;
  } }, /* @__PURE__ */ k("dl", { class: "facts" }, /* @__PURE__ */ k("dt", null, t3("said")), /* @__PURE__ */ k("dd", null, moment(m3.time)), m3.wrong_time && /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("dt", null, t3("clock")), /* @__PURE__ */ k("dd", null, t3("wrongTime"))), m3.own && /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("dt", null, t3("state")), /* @__PURE__ */ k("dd", null, stateText(m3)))), m3.deliveries?.map((d3) => /* @__PURE__ */ k("div", { class: "delivery" }, /* @__PURE__ */ k("span", { class: "ticks " + d3.state }, /* @__PURE__ */ k(Icon, { name: { queued: "clock", kept: "kept", delivered: "delivered", read: "delivered", failed: "failed" }[d3.state] })), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, d3.device ? t3("theirDevice", { name: plain(d3.name), n: d3.device }) : t3("theirDevices", { name: plain(d3.name) })), /* @__PURE__ */ k("small", null, deliveryText(d3)), d3.why && /* @__PURE__ */ k("small", { class: d3.state === "failed" ? "bad" : "warned" }, /* @__PURE__ */ k(Reason, { of: d3, line: true })), !!d3.kept?.length && /* @__PURE__ */ k("ul", { class: "keepers", "aria-label": t3("keptBy") }, d3.kept.map((k3) => /* @__PURE__ */ k("li", null, /* @__PURE__ */ k(Icon, { name: "relay" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(RelayName, { id: k3.relay }), /* @__PURE__ */ k("small", null, t3("keptUntil", { date: date(k3.until) }))))))))), m3.own && late && /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("h3", null, t3("lateTitle")), /* @__PURE__ */ k("p", { class: "dim" }, t3(m3.state === "failed" ? "failedWhy" : m3.state === "kept" ? "keptText" : "queuedText")), m3.state === "kept" && relays2.size === 1 && /* @__PURE__ */ k("p", { class: "warn" }, t3("keptOne")), m3.state === "queued" && relays2.size > 0 && /* @__PURE__ */ k("p", { class: "dim" }, t3("keptHalf"))), m3.state === "failed" && /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => {
    details.value = null;
    void call("POST", at("/messages/" + m3.id + "/retry"), {}).catch(complain);
  } }, /* @__PURE__ */ k(Icon, { name: "retry" }), t3("tryAgain"))));
}
function Forward() {
  const all = forwarding.value, find = useSignal(""), to = useSignal(/* @__PURE__ */ new Set());
  if (!all) return null;
  const close = () => {
    forwarding.value = null;
  };
  const list2 = chats.value.filter((c3) => (c3.with.state === "accepted" || c3.with.state === "asked") && c3.with.name.toLowerCase().includes(find.value.toLowerCase()));
  const send = async () => {
    const ids = [...to.value];
    close();
    selected.value = null;
    for (const id of ids) for (const m3 of all) {
      try {
        await call("POST", withContact(id, "/messages"), { text: m3.text ?? "" }, { key: crypto.randomUUID() });
      } catch (e3) {
        complain(e3);
        return;
      }
    }
    toast(t3("forwarded", { n: ids.length }));
    if (ids.length === 1) go("c", ids[0]);
  };
  return /* @__PURE__ */ k(Dialog, { title: t3("forwardTo"), close, footer: /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: !to.value.size, onClick: () => void send() }, t3("send")) }, /* @__PURE__ */ k("input", { type: "search", class: "field", placeholder: t3("search"), "aria-label": t3("search"), value: find.value, onInput: (e3) => {
    find.value = e3.currentTarget.value;
  } }), /* @__PURE__ */ k("div", { class: "people" }, list2.slice(0, 100).map((c3) => /* @__PURE__ */ k("label", { class: "person" }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "s" }), /* @__PURE__ */ k(Name, { of: c3.with.name }), /* @__PURE__ */ k("span", { class: "grow" }), /* @__PURE__ */ k("input", { type: "checkbox", "aria-label": plain(c3.with.name), checked: to.value.has(c3.with.id), onChange: () => {
    const next = new Set(to.value);
    if (!next.delete(c3.with.id)) next.add(c3.with.id);
    to.value = next;
  } })))));
}
function Dating() {
  const pick = useSignal(new Date(thread.value.messages[0]?.time ?? Date.now()).toLocaleDateString("en-CA"));
  if (!dating.value) return null;
  const close = () => {
    dating.value = false;
  };
  return /* @__PURE__ */ k(Dialog, { title: t3("toDate"), close, footer: /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: async () => {
    close();
    const d3 = /* @__PURE__ */ new Date(pick.value + "T00:00");
    if (!isNaN(+d3) && !await showDay(d3)) toast(t3("nothingSince"));
  } }, t3("show")) }, /* @__PURE__ */ k("label", { class: "stack" }, t3("date"), /* @__PURE__ */ k("input", { type: "date", class: "field", value: pick.value, max: (/* @__PURE__ */ new Date()).toLocaleDateString("en-CA"), onInput: (e3) => {
    pick.value = e3.currentTarget.value;
  } })));
}
function MessageMenu() {
  const o3 = menu.value;
  if (!o3) return null;
  const m3 = o3.m, close = () => {
    menu.value = null;
  };
  return /* @__PURE__ */ k(Menu, { x: o3.x, y: o3.y, close, top: canAct(m3) && /* @__PURE__ */ k("div", { class: "quick" }, quick.map((e3) => /* @__PURE__ */ k("button", { type: "button", role: "menuitem", "aria-label": e3, class: m3.reactions?.some((r3) => r3.own && r3.emoji === e3) ? "mine" : "", onClick: () => {
    close();
    react(m3, e3);
  }, "data-theirs": true }, e3)), /* @__PURE__ */ k("button", { type: "button", role: "menuitem", "aria-label": t3("moreEmoji"), onClick: () => {
    close();
    picking.value = m3;
  } }, /* @__PURE__ */ k(Icon, { name: "plus" }))), choices: [
    canAct(m3) && { icon: "reply", text: t3("reply"), run: () => {
      replying.value = m3;
      document.getElementById("composer")?.focus();
    } },
    !!m3.text && !m3.deleted && { icon: "copy", text: t3("copyText"), run: () => void copy(m3.text ?? "", toast) },
    canEdit(m3) && { icon: "edit", text: t3("edit"), run: () => {
      editing.value = m3;
    } },
    canAct(m3) && m3.kind === "text" && { icon: "forward", text: t3("forward"), run: () => {
      forwarding.value = [m3];
    } },
    !m3.pending && { icon: "select", text: t3("select"), run: () => {
      selected.value = /* @__PURE__ */ new Set([m3.id]);
    } },
    !m3.pending && { icon: "info", text: t3("details"), run: () => {
      details.value = m3;
    } },
    m3.state === "failed" && { icon: "retry", text: t3("tryAgain"), run: () => void call("POST", at("/messages/" + m3.id + "/retry"), {}).catch(complain) },
    !m3.pending && { icon: "trash", text: t3("delete"), bad: true, run: () => {
      removing.value = [m3];
    } },
    m3.pending === "unsent" && { icon: "trash", text: t3("discard"), bad: true, run: () => drop(m3) }
  ] });
}
function Live() {
  const text = useSignal("");
  h2(() => {
    const hear = (e3) => {
      if (e3.type === "message" && e3.message && !e3.message.own && e3.message.unread && e3.with === open.value && !e3.message.deleted && !e3.message.edited) text.value = t3("announce", { name: plain(e3.message.name), text: brief(e3.message.text ?? "").slice(0, 200) });
    };
    listeners.add(hear);
    return () => {
      listeners.delete(hear);
    };
  }, []);
  return /* @__PURE__ */ k("div", { class: "sr", role: "log", "aria-live": "polite" }, text.value);
}
function Conversation() {
  const c3 = chat.value, more = useSignal(null);
  h2(() => () => {
    selected.value = forwarding.value = null;
    menu.value = picking.value = details.value = removing.value = null;
    dating.value = false;
  }, [open.value]);
  if (!c3) return /* @__PURE__ */ k("main", { class: "conversation none", "aria-label": t3("conversation") }, /* @__PURE__ */ k(Empty, { icon: "users", title: thread.value.ready || !open.value ? t3("unknownContact") : "…" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go() }, t3("back"))));
  const id = c3.with.id, writes = (typing.value[id] ?? 0) > Date.now(), chosen = thread.value.messages.filter((m3) => selected.value?.has(m3.id));
  const under = writes ? t3("writes") : c3.with.state === "blocked" ? t3("blocked") : c3.with.state === "asked" ? t3("asked") : here.value[id] ? t3("here") : c3.with.awake ? t3("awake") : t3("asleep");
  return /* @__PURE__ */ k("main", { class: "conversation", "aria-label": t3("conversationWith", { name: plain(c3.with.name) }) }, selected.value ? /* @__PURE__ */ k("header", { class: "bar choosing" }, /* @__PURE__ */ k(IconButton, { icon: "close", label: t3("cancel"), onClick: () => {
    selected.value = null;
  } }), /* @__PURE__ */ k("b", { class: "grow" }, t3("selectedCount", { n: selected.value.size })), /* @__PURE__ */ k(IconButton, { icon: "copy", label: t3("copyText"), disabled: !chosen.some((m3) => m3.text), onClick: () => {
    void copy(chosen.map((m3) => m3.text ?? "").filter(Boolean).join("\n"), toast);
    selected.value = null;
  } }), /* @__PURE__ */ k(IconButton, { icon: "forward", label: t3("forward"), disabled: !chosen.some((m3) => m3.kind === "text" && !m3.deleted), onClick: () => {
    forwarding.value = chosen.filter((m3) => m3.kind === "text" && !m3.deleted);
  } }), /* @__PURE__ */ k(IconButton, { icon: "trash", label: t3("delete"), disabled: !chosen.length, onClick: () => {
    removing.value = chosen;
  } })) : /* @__PURE__ */ k("header", { class: "bar" }, /* @__PURE__ */ k(IconButton, { icon: "back", label: t3("back"), class: "only-narrow", onClick: () => go() }), /* @__PURE__ */ k("button", { type: "button", class: "who", onClick: () => place.value[2] === "info" ? go("c", id) : go("c", id, "info"), title: t3("contactInfoOf", { name: plain(c3.with.name) }) }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id, picture: c3.with.picture, size: "s", awake: c3.with.awake || here.value[id] }), /* @__PURE__ */ k("span", { class: "names" }, /* @__PURE__ */ k("span", { class: "line" }, /* @__PURE__ */ k(Name, { of: c3.with.name, class: "title" }), c3.with.verified && /* @__PURE__ */ k("span", { class: "mini" }, /* @__PURE__ */ k(Icon, { name: "shield" }))), /* @__PURE__ */ k("small", { class: writes ? "writes" : "" }, under))), /* @__PURE__ */ k("span", { class: "grow" }), /* @__PURE__ */ k(IconButton, { icon: "calendar", label: t3("toDate"), class: "not-narrow", onClick: () => {
    dating.value = true;
  } }), /* @__PURE__ */ k(IconButton, { icon: "more", label: t3("more"), onClick: (e3) => {
    const r3 = e3.currentTarget.getBoundingClientRect();
    more.value = { x: r3.left, y: r3.bottom + 6 };
  } })), /* @__PURE__ */ k(Messages, { key: id }), c3.with.state === "requested" ? /* @__PURE__ */ k(Request, null) : c3.with.state === "blocked" ? /* @__PURE__ */ k("div", { class: "request" }, /* @__PURE__ */ k("p", null, t3("blockedText", { name: plain(c3.with.name) })), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => void call("PATCH", withContact(id), { blocked: false }).catch(complain) }, t3("unblock")))) : /* @__PURE__ */ k(Composer, { key: id, c: c3 }), /* @__PURE__ */ k(Live, null), /* @__PURE__ */ k(MessageMenu, null), /* @__PURE__ */ k(Details, null), /* @__PURE__ */ k(Remove, null), /* @__PURE__ */ k(Forward, null), dating.value && /* @__PURE__ */ k(Dating, null), picking.value && /* @__PURE__ */ k(EmojiPicker, { close: () => {
    picking.value = null;
  }, choose: (e3) => {
    react(picking.value, e3);
    picking.value = null;
  } }), more.value && /* @__PURE__ */ k(Menu, { x: more.value.x, y: more.value.y, close: () => {
    more.value = null;
  }, choices: [
    { icon: "user", text: t3("contactInfo"), run: () => go("c", id, "info") },
    { icon: "calendar", text: t3("toDate"), run: () => {
      dating.value = true;
    } },
    { icon: "select", text: t3("selectSome"), run: () => {
      selected.value = /* @__PURE__ */ new Set();
    } },
    { icon: "pin", text: t3(c3.pinned ? "unpin" : "pin"), run: () => change(id, { pinned: !c3.pinned }) },
    { icon: "archive", text: t3(c3.archived ? "unarchive" : "archive"), run: () => change(id, { archived: !c3.archived }) },
    ...muteChoices(c3).slice(0, c3.muted ? 1 : 4)
  ] }));
}

// src/first.tsx
function Welcome({ title, text, children }) {
  return /* @__PURE__ */ k("main", { class: "welcome" }, /* @__PURE__ */ k("div", { class: "sheetlet" }, /* @__PURE__ */ k("img", { src: "/icon.svg", alt: "", width: 88, height: 88 }), /* @__PURE__ */ k("h1", null, title), /* @__PURE__ */ k("p", null, text), children));
}
function Door() {
  const code = useSignal(""), wrong = useSignal(""), [busy2, run] = useBusy();
  if (link.value === "down") return /* @__PURE__ */ k(Down, null);
  const found = /([A-Z2-7]{20,40})\s*$/.exec(code.value);
  return /* @__PURE__ */ k(Welcome, { title: t3("doorTitle"), text: t3("doorText") }, /* @__PURE__ */ k("pre", { class: "command", "data-theirs": true }, /* @__PURE__ */ k("code", null, "linnet open")), /* @__PURE__ */ k("form", { onSubmit: (e3) => {
    e3.preventDefault();
    if (found) run(async () => {
      try {
        await login(found[1]);
        wrong.value = "";
      } catch (x2) {
        wrong.value = explain(x2);
      }
    });
  } }, /* @__PURE__ */ k("label", { class: "stack" }, t3("doorPaste"), /* @__PURE__ */ k("input", { class: "field", dir: "ltr", autocomplete: "off", spellcheck: false, value: code.value, onInput: (e3) => {
    code.value = e3.currentTarget.value;
  } })), wrong.value && /* @__PURE__ */ k("p", { class: "warn", role: "alert" }, wrong.value), /* @__PURE__ */ k("button", { type: "submit", class: "main", disabled: busy2 || !found }, t3("enterPage"))));
}
function Down() {
  return /* @__PURE__ */ k(Welcome, { title: t3("downTitle"), text: t3("downText") }, /* @__PURE__ */ k("pre", { class: "command", "data-theirs": true }, /* @__PURE__ */ k("code", null, "linnet up")), /* @__PURE__ */ k("p", { class: "dim", role: "status" }, t3("downWait")));
}
function First() {
  const name = useSignal(""), image = useSignal(""), wrong = useSignal(""), [busy2, run] = useBusy();
  return /* @__PURE__ */ k(Welcome, { title: t3("firstTitle"), text: t3("firstText") }, /* @__PURE__ */ k("form", { onSubmit: (e3) => {
    e3.preventDefault();
    run(async () => {
      try {
        const a3 = await call("POST", "/v1/accounts", { display: name.value.trim() });
        if (image.value) await call("PUT", ownPath(a3.name), { image: image.value }).catch(complain);
        accounts.value = [a3];
        await read2();
        go("start");
      } catch (x2) {
        wrong.value = explain(x2);
      }
    });
  } }, /* @__PURE__ */ k("div", { class: "portrait" }, /* @__PURE__ */ k(PickPicture, { class: "pick", label: t3("pictureOptional"), done: (x2) => {
    image.value = x2;
  } }, image.value ? /* @__PURE__ */ k(Avatar, { name: "", id: "", size: "l", here: "data:image/jpeg;base64," + image.value }) : /* @__PURE__ */ k("span", { class: "avatar l nobody" }, /* @__PURE__ */ k(Icon, { name: "user" })), /* @__PURE__ */ k("span", { class: "badge" }, /* @__PURE__ */ k(Icon, { name: "camera" })))), /* @__PURE__ */ k("label", { class: "stack" }, t3("firstName"), /* @__PURE__ */ k("input", { class: "field", id: "first-name", autofocus: true, maxLength: 60, autocomplete: "nickname", value: name.value, onInput: (e3) => {
    name.value = e3.currentTarget.value;
  }, ref: (x2) => {
    if (x2 && !x2.dataset.seen) {
      x2.dataset.seen = "1";
      x2.focus();
    }
  } })), wrong.value && /* @__PURE__ */ k("p", { class: "warn", role: "alert" }, wrong.value), /* @__PURE__ */ k("button", { type: "submit", class: "main", disabled: busy2 }, t3("firstGo"))), /* @__PURE__ */ k("p", { class: "dim small" }, t3("firstPromise")));
}
function Start() {
  return /* @__PURE__ */ k(Welcome, { title: t3("startTitle", { name: me.value?.display || me.value?.name || "" }), text: t3("startText") }, /* @__PURE__ */ k("div", { class: "choices" }, /* @__PURE__ */ k("button", { type: "button", class: "choice", onClick: () => go("invite") }, /* @__PURE__ */ k(Icon, { name: "qr" }), /* @__PURE__ */ k("b", null, t3("inviteSomebody")), /* @__PURE__ */ k("small", null, t3("startInvite"))), /* @__PURE__ */ k("button", { type: "button", class: "choice", onClick: () => go("add") }, /* @__PURE__ */ k(Icon, { name: "link" }), /* @__PURE__ */ k("b", null, t3("haveInvite")), /* @__PURE__ */ k("small", null, t3("startAdd")))), /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go() }, t3("startLater")));
}
function Locked() {
  const secret = useSignal(""), wrong = useSignal(""), [busy2, run] = useBusy(), a3 = me.value;
  const others = (accounts.value ?? []).filter((x2) => x2.name !== account.value);
  if (a3.state === "failed") return /* @__PURE__ */ k(Welcome, { title: t3("failedTitle"), text: a3.problem ?? "" }, /* @__PURE__ */ k("pre", { class: "command", "data-theirs": true }, /* @__PURE__ */ k("code", null, "linnet doctor")), /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: busy2, onClick: () => run(() => call("POST", at("/unlock"), { passphrase: "" }).then(read2)) }, t3("tryAgain")), others.length > 0 && /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go("settings", "accounts") }, t3("accounts")));
  return /* @__PURE__ */ k(Welcome, { title: t3("lockedTitle"), text: t3("lockedText", { name: a3.display || a3.name }) }, /* @__PURE__ */ k("form", { onSubmit: (e3) => {
    e3.preventDefault();
    run(async () => {
      try {
        await call("POST", at("/unlock"), { passphrase: secret.value });
        secret.value = "";
        await read2();
      } catch (x2) {
        wrong.value = explain(x2);
      }
    });
  } }, /* @__PURE__ */ k("label", { class: "stack" }, t3("passphrase"), /* @__PURE__ */ k("input", { class: "field", type: "password", autocomplete: "current-password", autofocus: true, value: secret.value, onInput: (e3) => {
    secret.value = e3.currentTarget.value;
  } })), wrong.value && /* @__PURE__ */ k("p", { class: "warn", role: "alert" }, wrong.value), /* @__PURE__ */ k("button", { type: "submit", class: "main", disabled: busy2 }, t3("unlock"))));
}
function Trouble() {
  return /* @__PURE__ */ k(Welcome, { title: t3("troubleTitle"), text: failure.value }, /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => void read2() }, t3("tryAgain")));
}

// src/keys.ts
var mac = /Mac|iP/.test(navigator.platform);
var mod = mac ? "⌘" : "Ctrl";
var keymap = [
  [[mod + " K"], "keySwitch"],
  [[mod + " F"], "keySearch"],
  [["Alt N"], "keyAdd"],
  [["Alt ↑", "Alt ↓"], "keyNext"],
  [["Alt Shift ↑", "Alt Shift ↓"], "keyUnread"],
  [["Enter"], "keySend"],
  [["Shift Enter"], "keyLine"],
  [["↑"], "keyEdit"],
  [[mod + " ↑", mod + " ↓"], "keyReply"],
  [[mod + " B", mod + " I", mod + " E"], "keyFormat"],
  [["R", "E", "Del"], "keyMessage"],
  [["Shift F10"], "keyMenu"],
  [["End"], "keyEnd"],
  [["Esc"], "keyEsc"],
  [["F6"], "keyLandmark"],
  [[mod + " ,"], "keySettings"],
  [[mod + " /", "?"], "keyHelp"]
];
var switching = signal(false);
function beginKeys() {
  addEventListener("keydown", (e3) => {
    if (e3.defaultPrevented || e3.isComposing) return;
    const m3 = e3.ctrlKey || e3.metaKey, target2 = e3.target, writing = /^(INPUT|TEXTAREA|SELECT)$/.test(target2.tagName), modal = !!document.querySelector("[aria-modal=true],.menu-veil");
    const did = () => e3.preventDefault();
    if (m3 && !e3.shiftKey && !e3.altKey && e3.key.toLowerCase() === "k") {
      did();
      switching.value = !switching.value;
      return;
    }
    if (modal) return;
    if (m3 && !e3.altKey && e3.key.toLowerCase() === "f") {
      did();
      if (place.value[0] === "settings") go();
      requestAnimationFrame(() => {
        const s3 = document.getElementById("search");
        if (s3 && s3.offsetParent === null) {
          go();
          requestAnimationFrame(() => s3.focus());
        } else {
          s3?.focus();
          s3?.select();
        }
      });
      return;
    }
    if (e3.altKey && !m3 && e3.code === "KeyN") {
      did();
      go("add");
      return;
    }
    if (m3 && e3.key === ",") {
      did();
      go("settings");
      return;
    }
    if (m3 && e3.key === "/" || e3.key === "?" && !writing) {
      did();
      go("settings", "shortcuts");
      return;
    }
    if (e3.altKey && !m3 && (e3.key === "ArrowDown" || e3.key === "ArrowUp")) {
      did();
      filter.value = "all";
      const all = shown2().filter((c3) => !e3.shiftKey || c3.unread > 0 || c3.with.id === open.value), i3 = all.findIndex((c3) => c3.with.id === open.value), to = all[e3.key === "ArrowDown" ? i3 + 1 : i3 < 0 ? all.length - 1 : i3 - 1];
      if (to) go("c", to.with.id);
      return;
    }
    if (e3.key === "F6") {
      did();
      const stops = ["#search", ".list .rows a", ".messages .message[tabindex='0']", "#composer", ".pane button"].map((s3) => document.querySelector(s3)).filter((x2) => !!x2 && x2.offsetParent !== null);
      const i3 = stops.findIndex((x2) => x2 === document.activeElement || x2.closest(".list,.messages,.composer,.pane")?.contains(document.activeElement));
      stops[(i3 + (e3.shiftKey ? stops.length - 1 : 1)) % stops.length]?.focus();
      return;
    }
    if (e3.key === "End" && !writing && open.value) {
      did();
      void toEnd();
      return;
    }
    if ((e3.key === "PageUp" || e3.key === "PageDown") && (!writing || target2.id === "composer")) {
      const b2 = document.querySelector(".messages");
      if (b2) {
        did();
        b2.scrollBy({ top: (e3.key === "PageUp" ? -0.85 : 0.85) * b2.clientHeight });
      }
      return;
    }
    if (e3.key === "Escape") {
      if (query.value) {
        query.value = "";
        return;
      }
      const p3 = place.value;
      if (p3[0] === "c" && p3[2]) {
        go("c", p3[1]);
        return;
      }
      if (p3[0] === "settings") {
        go(...p3[1] && innerWidth < 720 ? ["settings"] : []);
        return;
      }
      if (p3[0] === "archive" || p3[0] === "requests") {
        go();
        return;
      }
      if (target2.id !== "composer" && document.getElementById("composer")) document.getElementById("composer").focus();
      else void toEnd();
    }
  });
}
var openable = () => chats.value.filter((c3) => c3.with.state !== "blocked");

// src/notify.ts
var allowed = signal("Notification" in window ? Notification.permission : "denied");
async function ask() {
  if (!("Notification" in window)) return;
  allowed.value = await Notification.requestPermission();
  choose({ notify: allowed.value === "granted" });
}
var shown3 = /* @__PURE__ */ new Map();
function beginNotices() {
  listeners.add((e3) => {
    const m3 = e3.message;
    if (e3.type !== "message" || !m3 || m3.own || !m3.unread || m3.deleted || m3.edited || m3.reactions?.length || !leading || !choices.value.notify || allowed.value !== "granted") return;
    const c3 = chats.value.find((x2) => x2.with.id === e3.with);
    if (c3?.muted || c3?.archived || document.hasFocus() && open.value === e3.with) return;
    const preview = choices.value.preview, who = plain(m3.name);
    const n2 = new Notification(preview === "none" ? t3("noticeNew") : who, { body: preview === "all" ? brief(m3.text ?? "").slice(0, 200) : preview === "name" ? t3("noticeNew") : "", tag: e3.with, icon: "/icon-192.png", silent: false });
    shown3.set(e3.with, n2);
    n2.onclick = () => {
      window.focus();
      go("c", e3.with);
      n2.close();
    };
    n2.onclose = () => {
      if (shown3.get(e3.with) === n2) shown3.delete(e3.with);
    };
  });
  effect(() => {
    for (const c3 of chats.value) if (!c3.unread) shown3.get(c3.with.id)?.close();
  });
  effect(() => {
    const n2 = session.value === "in" ? unread.value : 0;
    document.title = n2 ? `(${n2 > 999 ? "999+" : n2}) Linnet` : "Linnet";
    if ("setAppBadge" in navigator) void (n2 ? navigator.setAppBadge(n2) : navigator.clearAppBadge()).catch(() => {
    });
  });
}

// src/people.tsx
function Invites({ close }) {
  const all = useSignal([]), fresh = useSignal(null), life = useSignal("86400"), standing = useSignal(false), [busy2, run] = useBusy();
  const read3 = async () => {
    all.value = (await call("GET", at("/invites"))).invites ?? [];
  };
  const make = () => run(async () => {
    fresh.value = await call("POST", at("/invites"), { seconds: Number(life.value), standing: standing.value });
    await read3();
  });
  h2(() => {
    make();
  }, []);
  const show2 = fresh.value;
  return /* @__PURE__ */ k(Dialog, { title: t3("invite"), close }, /* @__PURE__ */ k("p", { class: "dim" }, t3("inviteText")), show2 ? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k(QR, { text: show2.link.toUpperCase(), label: t3("inviteCode") }), /* @__PURE__ */ k("div", { class: "linkbox", tabIndex: 0, role: "group", "aria-label": t3("inviteLink") }, /* @__PURE__ */ k("code", { "data-theirs": true, dir: "ltr" }, show2.link)), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => void copy(show2.link, toast) }, /* @__PURE__ */ k(Icon, { name: "copy" }), t3("copyLink")), "share" in navigator && /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => void navigator.share({ text: show2.link }).catch(() => {
  }) }, /* @__PURE__ */ k(Icon, { name: "share" }), t3("share"))), /* @__PURE__ */ k("p", { class: "dim center" }, t3(show2.standing ? "inviteStanding" : "inviteOnce"), " ", show2.until ? t3("goodUntil", { time: moment(show2.until) }) : t3("goodForEver"))) : /* @__PURE__ */ k("span", { class: "spinner" }), /* @__PURE__ */ k("details", { class: "more" }, /* @__PURE__ */ k("summary", null, t3("inviteOptions")), /* @__PURE__ */ k("label", { class: "row" }, /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("inviteLife"))), /* @__PURE__ */ k("select", { value: life.value, onChange: (e3) => {
    life.value = e3.currentTarget.value;
  } }, [["3600", "life1h"], ["86400", "life1d"], ["604800", "life1w"], ["0", "lifeEver"]].map(([v3, k3]) => /* @__PURE__ */ k("option", { value: v3, selected: life.value === v3 }, t3(k3))))), /* @__PURE__ */ k(Toggle, { label: t3("inviteMany"), hint: t3("inviteManyHint"), on: standing.value, set: (v3) => {
    standing.value = v3;
  } }), /* @__PURE__ */ k("button", { type: "button", class: "plain", disabled: busy2, onClick: make }, /* @__PURE__ */ k(Icon, { name: "plus" }), t3("inviteNew"))), all.value.length > 0 && /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("h3", null, t3("invitesGood")), all.value.map((i3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: i3.standing ? "users" : "user" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3(i3.standing ? "inviteKindMany" : "inviteKindOne")), /* @__PURE__ */ k("small", null, i3.until ? t3("goodUntil", { time: moment(i3.until) }) : t3("goodForEver"))), /* @__PURE__ */ k(IconButton, { icon: "qr", label: t3("show"), onClick: () => {
    fresh.value = i3;
  } }), /* @__PURE__ */ k(IconButton, { icon: "trash", label: t3("revoke"), onClick: () => run(async () => {
    await call("DELETE", at("/invites/" + i3.id));
    if (fresh.value?.id === i3.id) fresh.value = null;
    await read3();
  }) })))));
}
function Add({ close }) {
  const text = useSignal(place.value[1] ?? ""), what = useSignal(null), wrong = useSignal(""), alias = useSignal(""), scanning = useSignal(false), [busy2, run] = useBusy();
  h2(() => {
    const value = text.value.trim();
    what.value = null;
    wrong.value = "";
    if (!value || isRelay(value)) return;
    const stop = new AbortController(), wait = setTimeout(() => {
      call("POST", at("/inspect"), { invite: value.slice(0, 4096) }, { signal: stop.signal }).then((w4) => {
        what.value = w4;
      }, (e3) => {
        if (!stop.signal.aborted) wrong.value = explain(e3);
      });
    }, 150);
    return () => {
      clearTimeout(wait);
      stop.abort();
    };
  }, [text.value]);
  const picture = async (f3) => {
    if (f3) {
      const code = await readPicture(f3).catch(() => "");
      if (code) text.value = code;
      else wrong.value = t3("noCode");
    }
  };
  const add = () => run(async () => {
    if (isRelay(text.value)) {
      try {
        await addRelay(text.value);
      } catch (e3) {
        wrong.value = explain(e3);
        return;
      }
      close();
      go("settings", "relays");
      return;
    }
    const c3 = await call("POST", at("/contacts"), { invite: text.value.trim(), ...alias.value.trim() ? { alias: alias.value.trim() } : {} });
    close();
    go("c", c3.id);
  });
  const w3 = what.value, bad = w3 && (w3.self || w3.over), relay = isRelay(text.value);
  return /* @__PURE__ */ k(Dialog, { title: t3("addTitle"), close, footer: w3?.known ? /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => {
    close();
    go("c", w3.id);
  } }, t3("openChat")) : /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: busy2 || !relay && (!w3 || !!bad), onClick: add }, t3("addShort")) }, /* @__PURE__ */ k("p", { class: "dim" }, t3("addText")), /* @__PURE__ */ k(
    "textarea",
    {
      class: "field code",
      rows: 4,
      dir: "ltr",
      autofocus: true,
      spellcheck: false,
      placeholder: "linnet:add/…",
      "aria-label": t3("inviteLink"),
      value: text.value,
      onInput: (e3) => {
        text.value = e3.currentTarget.value;
      },
      onPaste: (e3) => {
        const f3 = pictureIn(e3.clipboardData);
        if (f3) {
          e3.preventDefault();
          void picture(f3);
        }
      },
      onDragOver: (e3) => e3.preventDefault(),
      onDrop: (e3) => {
        const f3 = pictureIn(e3.dataTransfer);
        if (f3) {
          e3.preventDefault();
          void picture(f3);
        }
      },
      onKeyDown: (e3) => {
        if (e3.key === "Enter" && !e3.shiftKey && (relay || w3 && !bad && !w3.known)) {
          e3.preventDefault();
          add();
        }
      }
    }
  ), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    scanning.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "camera" }), t3("scan")), /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go("invite") }, /* @__PURE__ */ k(Icon, { name: "qr" }), t3("inviteInstead"))), /* @__PURE__ */ k("div", { role: "status" }, wrong.value && text.value && /* @__PURE__ */ k("p", { class: "warn" }, wrong.value), relay && !wrong.value && /* @__PURE__ */ k("div", { class: "found-invite" }, /* @__PURE__ */ k(Icon, { name: "relay" }), /* @__PURE__ */ k("span", null, t3("relayFound"))), w3 && /* @__PURE__ */ k("div", { class: "found-invite" }, /* @__PURE__ */ k(Icon, { name: bad ? "failed" : "shield" }), /* @__PURE__ */ k("span", null, w3.self ? t3("inviteSelf") : w3.over ? t3("inviteOver") : w3.known ? /* @__PURE__ */ k(S, null, t3("inviteKnown"), " ", /* @__PURE__ */ k(Name, { of: w3.known.name })) : t3(w3.bare ? "inviteBare" : "inviteGood", { id: w3.id.slice(0, 8) }), w3.until && !w3.over && /* @__PURE__ */ k("small", null, t3("goodUntil", { time: moment(w3.until) }))))), w3 && !bad && !w3.known && /* @__PURE__ */ k("label", { class: "stack" }, t3("aliasOptional"), /* @__PURE__ */ k("input", { class: "field", maxLength: 60, value: alias.value, onInput: (e3) => {
    alias.value = e3.currentTarget.value;
  } })), scanning.value && /* @__PURE__ */ k(Scan, { close: () => {
    scanning.value = false;
  }, found: (x2) => {
    scanning.value = false;
    text.value = x2;
  } }));
}

// src/settings.tsx
var pages = [
  ["profile", "user", "profile"],
  ["words", "key", "words"],
  ["accounts", "users", "accounts"],
  ["devices", "device", "devices"],
  ["relays", "relay", "relays"],
  ["node", "node", "node"],
  ["privacy", "lock", "privacy"],
  ["notifications", "bell", "notifications"],
  ["appearance", "moon", "appearance"],
  ["language", "globe", "language"],
  ["storage", "disk", "storage"],
  ["blocked", "block", "blockedPeople"],
  ["tabs", "link", "tabs"],
  ["shortcuts", "keyboard", "shortcuts"],
  ["about", "info", "about"]
];
function Settings() {
  const page = place.value[1] ?? "", a3 = me.value, listed = pages.filter(([name]) => name !== "words" || a3?.words);
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("aside", { class: "list settings" + (page ? " has-page" : ""), "aria-label": t3("settings") }, /* @__PURE__ */ k("header", null, /* @__PURE__ */ k(IconButton, { icon: "back", label: t3("back"), onClick: () => go() }), /* @__PURE__ */ k("h1", null, t3("settings"))), /* @__PURE__ */ k("nav", { class: "rows plainrows", "aria-label": t3("settings") }, /* @__PURE__ */ k("a", { class: "row self", href: "#/settings/profile" }, /* @__PURE__ */ k(Avatar, { name: a3?.display || a3?.name || "?", id: a3?.id ?? "", picture: a3?.picture, own: a3?.name, size: "m" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(Name, { of: a3?.display || a3?.name || "", class: "title" }), a3?.about && /* @__PURE__ */ k("small", { dir: "auto", "data-theirs": true }, a3.about))), a3?.words && /* @__PURE__ */ k("a", { class: "notice", href: "#/settings/words" }, /* @__PURE__ */ k(Icon, { name: "key" }), /* @__PURE__ */ k("span", null, t3("wordsNotice"))), listed.map(([name, icon, title]) => /* @__PURE__ */ k("a", { class: "row", href: "#/settings/" + name, "aria-current": page === name ? "page" : void 0 }, /* @__PURE__ */ k(Icon, { name: icon }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3(title))), /* @__PURE__ */ k(Icon, { name: "next", class: "dim" }))))), /* @__PURE__ */ k("main", { class: "conversation sheet" + (page ? "" : " none"), "aria-label": t3("settings") }, page ? /* @__PURE__ */ k(Sheet, { page }) : /* @__PURE__ */ k(Empty, { icon: "user", title: t3("settings") })));
}
function Sheet({ page }) {
  const title = pages.find((p3) => p3[0] === page)?.[2] ?? "settings";
  const body = { profile: () => /* @__PURE__ */ k(Profile, null), words: () => /* @__PURE__ */ k(Words, null), accounts: () => /* @__PURE__ */ k(AccountsPage, null), devices: () => /* @__PURE__ */ k(Devices, null), relays: () => /* @__PURE__ */ k(RelaysPage, null), node: () => /* @__PURE__ */ k(NodePage, null), privacy: () => /* @__PURE__ */ k(PrivacyPage, null), notifications: () => /* @__PURE__ */ k(Notifications, null), appearance: () => /* @__PURE__ */ k(Appearance, null), language: () => /* @__PURE__ */ k(LanguagePage, null), storage: () => /* @__PURE__ */ k(StoragePage, null), blocked: () => /* @__PURE__ */ k(Blocked, null), tabs: () => /* @__PURE__ */ k(Tabs, null), shortcuts: () => /* @__PURE__ */ k(Shortcuts, null), about: () => /* @__PURE__ */ k(About, null) };
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("header", { class: "bar" }, /* @__PURE__ */ k(IconButton, { icon: "back", label: t3("back"), class: "only-narrow", onClick: () => go("settings") }), /* @__PURE__ */ k("h2", null, t3(title))), /* @__PURE__ */ k("div", { class: "scroll" }, /* @__PURE__ */ k("div", { class: "column", key: page }, body[page]?.())));
}
function Profile() {
  const a3 = me.value, name = useSignal(a3?.display ?? ""), about = useSignal(a3?.about ?? ""), [busy2, run] = useBusy();
  if (!a3) return null;
  const changed = name.value.trim() !== (a3.display ?? "") || about.value.trim() !== (a3.about ?? "");
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("div", { class: "portrait" }, /* @__PURE__ */ k(PickPicture, { class: "pick", label: t3(a3.picture ? "pictureChange" : "pictureChoose"), done: (image) => run(async () => {
    await call("PUT", ownPath(), { image });
    await read2();
    toast(t3("saved"));
  }) }, /* @__PURE__ */ k(Avatar, { name: name.value || a3.name, id: a3.id ?? "", picture: a3.picture, own: a3.name, size: "xl" }), /* @__PURE__ */ k("span", { class: "badge" }, /* @__PURE__ */ k(Icon, { name: "camera" }))), a3.picture && /* @__PURE__ */ k("button", { type: "button", class: "link", disabled: busy2, onClick: () => run(async () => {
    await call("DELETE", ownPath());
    await read2();
  }) }, t3("pictureRemove"))), /* @__PURE__ */ k("form", { onSubmit: (e3) => {
    e3.preventDefault();
    run(async () => {
      await call("PUT", at("/profile"), { display: name.value.trim(), about: about.value.trim() });
      await read2();
      toast(t3("saved"));
    });
  } }, /* @__PURE__ */ k("label", { class: "stack" }, t3("yourName"), /* @__PURE__ */ k("input", { class: "field", maxLength: 60, value: name.value, onInput: (e3) => {
    name.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("label", { class: "stack" }, t3("yourAbout"), /* @__PURE__ */ k("textarea", { class: "field", rows: 2, maxLength: 140, value: about.value, onInput: (e3) => {
    about.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("p", { class: "dim" }, t3("profileText")), /* @__PURE__ */ k("button", { type: "submit", class: "main", disabled: !changed || busy2 }, t3("save"))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("address")), /* @__PURE__ */ k(QR, { text: (a3.address ?? "").toUpperCase(), label: t3("address") }), /* @__PURE__ */ k("button", { type: "button", class: "row", onClick: () => void copy(a3.address ?? "", toast) }, /* @__PURE__ */ k(Icon, { name: "at" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("small", { class: "wrap", dir: "ltr", "data-theirs": true }, a3.address)), /* @__PURE__ */ k(Icon, { name: "copy", class: "dim" })), /* @__PURE__ */ k("p", { class: "dim row-like" }, t3("addressText")), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => go("invite") }, /* @__PURE__ */ k(Icon, { name: "qr" }), t3("inviteSomebody")))));
}
function Words({ done }) {
  const words = useSignal(null), typed = useSignal(""), asking2 = useSignal(false), [busy2, run] = useBusy();
  if (!me.value?.words) return /* @__PURE__ */ k(Empty, { icon: "check", title: t3("wordsConfirmed") }, /* @__PURE__ */ k("p", null, t3("wordsGone")));
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", null, t3("wordsText")), !words.value ? /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => run(async () => {
    words.value = (await call("GET", at("/words"))).words;
  }) }, /* @__PURE__ */ k(Icon, { name: "key" }), t3("wordsShow")) : !asking2.value ? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("ol", { class: "words", "data-theirs": true }, words.value.map((w3) => /* @__PURE__ */ k("li", null, w3))), /* @__PURE__ */ k("p", { class: "warn" }, t3("wordsWarn")), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    words.value = null;
    done?.();
  } }, t3("later")), /* @__PURE__ */ k("button", { type: "button", class: "main", onClick: () => {
    asking2.value = true;
  } }, t3("wordsWritten")))) : /* @__PURE__ */ k("form", { onSubmit: (e3) => {
    e3.preventDefault();
    run(async () => {
      await call("POST", at("/words"), { words: typed.value.trim() });
      await read2();
      toast(t3("wordsConfirmed"));
      done?.();
    });
  } }, /* @__PURE__ */ k("label", { class: "stack" }, t3("wordsType"), /* @__PURE__ */ k("textarea", { class: "field", rows: 4, autoFocus: true, spellcheck: false, autocomplete: "off", value: typed.value, onInput: (e3) => {
    typed.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("p", { class: "dim" }, t3("wordsErase")), /* @__PURE__ */ k("div", { class: "buttons" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    asking2.value = false;
  } }, t3("back")), /* @__PURE__ */ k("button", { type: "submit", class: "main", disabled: busy2 || typed.value.trim().split(/\s+/).length !== 24 }, t3("confirm")))));
}
function AccountsPage() {
  const making = useSignal(false), name = useSignal(""), [busy2, run] = useBusy();
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", { class: "dim" }, t3("accountsText")), (accounts.value ?? []).map((a3) => /* @__PURE__ */ k("button", { type: "button", class: "row" + (a3.name === account.value ? " current" : ""), "aria-pressed": a3.name === account.value, onClick: () => switchTo(a3.name) }, /* @__PURE__ */ k(Avatar, { name: a3.display || a3.name, id: a3.id ?? "", picture: a3.picture, own: a3.name, size: "s" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(Name, { of: a3.display || a3.name }), /* @__PURE__ */ k("small", null, a3.state === "running" ? /* @__PURE__ */ k("bdi", { "data-theirs": true }, a3.name) : a3.state === "locked" ? t3("locked") : /* @__PURE__ */ k("bdi", { "data-theirs": true }, a3.problem))), a3.name === account.value && /* @__PURE__ */ k(Icon, { name: "check" }))), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    making.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "plus" }), t3("accountNew"))), making.value && /* @__PURE__ */ k(Dialog, { title: t3("accountNew"), close: () => {
    making.value = false;
  }, footer: /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: busy2 || !name.value.trim(), onClick: () => run(async () => {
    const a3 = await call("POST", "/v1/accounts", { display: name.value.trim() });
    making.value = false;
    await read2();
    switchTo(a3.name);
  }) }, t3("create")) }, /* @__PURE__ */ k("label", { class: "stack" }, t3("yourName"), /* @__PURE__ */ k("input", { class: "field", autofocus: true, maxLength: 60, value: name.value, onInput: (e3) => {
    name.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("p", { class: "dim" }, t3("accountNewText"))));
}
function Devices() {
  const a3 = me.value;
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", { class: "dim" }, t3("devicesText")), (a3?.devices ?? []).map((d3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: "device" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("deviceN", { n: d3 })), /* @__PURE__ */ k("small", null, d3 === a3?.device ? t3("deviceThis") : t3("deviceOther"))))));
}
function Checks({ all }) {
  return /* @__PURE__ */ k(S, null, (all ?? []).map((c3) => /* @__PURE__ */ k("div", { class: "row check " + c3.state }, /* @__PURE__ */ k(Icon, { name: c3.state === "ok" ? "check" : "failed" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", { "data-theirs": true }, c3.name), /* @__PURE__ */ k("small", { "data-theirs": true }, c3.text), c3.fix && /* @__PURE__ */ k("small", { class: "fix" }, t3("fix"), " ", /* @__PURE__ */ k("code", { "data-theirs": true }, c3.fix))))));
}
function NodePage() {
  const s3 = useSignal(null);
  const ask2 = () => {
    call("GET", "/v1/status").then((x2) => {
      s3.value = x2;
    }, complain);
  };
  h2(() => {
    let next = 0;
    const hear = (e3) => {
      if (e3.type === "waiting" || e3.type === "delivery" || e3.type === "relay") next ||= setTimeout(() => {
        next = 0;
        ask2();
      }, 300);
    };
    listeners.add(hear);
    refreshers.add(ask2);
    ask2();
    return () => {
      clearTimeout(next);
      listeners.delete(hear);
      refreshers.delete(ask2);
    };
  }, []);
  const a3 = s3.value?.accounts.find((x2) => x2.name === account.value);
  if (!s3.value) return /* @__PURE__ */ k("span", { class: "spinner" });
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", { class: "dim" }, t3("nodeText")), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("health")), /* @__PURE__ */ k(Checks, { all: [...s3.value.checks ?? [], ...a3?.checks ?? []] }), /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: "node" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, t3("peers", { n: a3?.peers ?? 0 })), /* @__PURE__ */ k("small", null, t3("runsSince", { time: moment(s3.value.since) }))))), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("outbox")), a3?.waiting?.length ? a3.waiting.map((w3) => /* @__PURE__ */ k("a", { class: "row", href: "#/c/" + w3.to }, /* @__PURE__ */ k(Avatar, { name: w3.name, id: w3.to, picture: chats.value.find((c3) => c3.with.id === w3.to)?.with.picture, size: "s" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(Name, { of: w3.name }), /* @__PURE__ */ k("small", null, t3("waitingCount", { n: w3.messages }), w3.why && /* @__PURE__ */ k(S, null, ": ", /* @__PURE__ */ k(Reason, { of: w3 })))))) : /* @__PURE__ */ k("p", { class: "dim row-like" }, t3("nothingWaits"))), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: ask2 }, /* @__PURE__ */ k(Icon, { name: "retry" }), t3("lookAgain"))));
}
function PrivacyPage() {
  const p3 = useSignal(null);
  h2(() => {
    call("GET", at("/privacy")).then((x2) => {
      p3.value = x2;
    }, complain);
  }, []);
  const set2 = (part) => {
    const next = { ...p3.value, ...part };
    p3.value = next;
    call("PUT", at("/privacy"), next).catch(complain);
  };
  return /* @__PURE__ */ k(S, null, p3.value && /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("othersSee")), /* @__PURE__ */ k(Toggle, { label: t3("receipts"), hint: t3("receiptsHint"), on: !p3.value.no_receipts, set: (v3) => set2({ no_receipts: !v3 }) }), /* @__PURE__ */ k(Toggle, { label: t3("typingTell"), hint: t3("typingHint"), on: !p3.value.no_typing, set: (v3) => set2({ no_typing: !v3 }) })), /* @__PURE__ */ k("section", { class: "group prose" }, /* @__PURE__ */ k("h3", null, t3("whoSees")), /* @__PURE__ */ k("p", null, t3("whoSees1")), /* @__PURE__ */ k("p", null, t3("whoSees2")), /* @__PURE__ */ k("p", null, t3("whoSees3"))));
}
function Notifications() {
  const c3 = choices.value;
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k(Toggle, { label: t3("notifyOn"), hint: allowed.value === "denied" ? t3("notifyDenied") : t3("notifyHint"), on: c3.notify && allowed.value === "granted", set: (v3) => {
    if (v3) void ask();
    else choose({ notify: false });
  } }), /* @__PURE__ */ k(Pick, { label: t3("notifyShow"), value: c3.preview, from: [["all", t3("showAllOf")], ["name", t3("showName")], ["none", t3("showNothing")]], set: (preview) => choose({ preview }) })), /* @__PURE__ */ k("p", { class: "dim" }, t3("notifyText")));
}
function Appearance() {
  const c3 = choices.value;
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k(Pick, { label: t3("theme"), value: c3.theme, from: [["auto", t3("automatic")], ["light", t3("light")], ["dark", t3("dark")]], set: (theme) => choose({ theme }) }), /* @__PURE__ */ k(Pick, { label: t3("textSize"), value: String(c3.size), from: [["13", t3("small")], ["15", t3("medium")], ["17", t3("large")], ["20", t3("huge")]], set: (v3) => choose({ size: Number(v3) }) }), /* @__PURE__ */ k(Toggle, { label: t3("contrast"), on: c3.contrast, set: (contrast) => choose({ contrast }) }), /* @__PURE__ */ k(Toggle, { label: t3("still"), on: c3.still, set: (still) => choose({ still }) })), /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("writing")), /* @__PURE__ */ k(Toggle, { label: t3("enterSends"), hint: t3(c3.enter ? "enterHint" : "enterHintOff"), on: c3.enter, set: (enter2) => choose({ enter: enter2 }) })));
}
function LanguagePage() {
  return /* @__PURE__ */ k("section", { class: "group", role: "radiogroup", "aria-label": t3("language") }, [["auto", t3("automatic")], ...Object.entries(languages)].map(([tag, name]) => /* @__PURE__ */ k("label", { class: "row" }, /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", { "data-theirs": tag !== "auto" || void 0, lang: tag === "auto" ? void 0 : tag }, name)), /* @__PURE__ */ k("input", { type: "radio", name: "language", checked: choices.value.language === tag, onChange: () => choose({ language: tag }) }))));
}
function StoragePage() {
  const s3 = useSignal(null), here2 = useSignal(0);
  h2(() => {
    call("GET", at("/storage")).then((x2) => {
      s3.value = x2;
    }, complain);
    navigator.storage?.estimate?.().then((e3) => {
      here2.value = e3.usage ?? 0;
    }, () => {
    });
  }, []);
  return /* @__PURE__ */ k(S, null, s3.value ? /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("div", { class: "figure" }, /* @__PURE__ */ k("b", { "data-theirs": true }, size(s3.value.bytes)), /* @__PURE__ */ k("span", null, t3("storageUsed"))), /* @__PURE__ */ k("div", { class: "meter", role: "img", "aria-label": t3("storageUsed") }, /* @__PURE__ */ k("i", { style: { inlineSize: Math.max(1, Math.min(100, 100 * s3.value.bytes / (s3.value.bytes + s3.value.free))) + "%" } })), /* @__PURE__ */ k("dl", { class: "facts" }, /* @__PURE__ */ k("dt", null, t3("storageFree")), /* @__PURE__ */ k("dd", null, size(s3.value.free)), /* @__PURE__ */ k("dt", null, t3("conversations")), /* @__PURE__ */ k("dd", null, number(chats.value.length)), /* @__PURE__ */ k("dt", null, t3("storagePage")), /* @__PURE__ */ k("dd", null, size(here2.value)))) : /* @__PURE__ */ k("span", { class: "spinner" }), /* @__PURE__ */ k("p", { class: "dim" }, t3("storageText")), /* @__PURE__ */ k(Backups, null));
}
function Backups() {
  const made = useSignal(void 0), asking2 = useSignal(false), secret = useSignal(""), again = useSignal(""), wrong = useSignal(""), [busy2, run] = useBusy();
  h2(() => {
    call("GET", at("/backup")).then((x2) => {
      made.value = x2.made ?? null;
    }, complain);
  }, []);
  const days = made.value ? Math.floor((Date.now() - Date.parse(made.value)) / 864e5) : 0;
  const close = () => {
    asking2.value = false;
    secret.value = again.value = wrong.value = "";
  };
  const make = () => run(async () => {
    const began = (/* @__PURE__ */ new Date()).toISOString(), name = `linnet-${account.value}-${began.slice(0, 10)}.age`, picker = window.showSaveFilePicker;
    try {
      const file = picker ? await picker({ suggestedName: name }) : null;
      const body = await stream("POST", at("/backup"), { passphrase: secret.value });
      if (file) await body.pipeTo(await file.createWritable());
      else {
        const url = URL.createObjectURL(await new Response(body).blob()), a3 = document.createElement("a");
        a3.href = url;
        a3.download = name;
        a3.click();
        setTimeout(() => URL.revokeObjectURL(url), 6e4);
      }
      made.value = (await call("PUT", at("/backup"), { made: began })).made ?? null;
      close();
      toast(t3("backupDone"));
    } catch (e3) {
      if (e3.name !== "AbortError") wrong.value = explain(e3);
    }
  });
  const short = secret.value.length > 0 && secret.value.length < 8, differs = again.value !== "" && again.value !== secret.value;
  return /* @__PURE__ */ k("section", { class: "group" }, /* @__PURE__ */ k("h3", null, t3("backup")), /* @__PURE__ */ k("div", { class: "row check " + (made.value && days < 30 ? "ok" : "warn") }, /* @__PURE__ */ k(Icon, { name: made.value && days < 30 ? "check" : "failed" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", null, made.value === void 0 ? "…" : made.value === null ? t3("backupNever") : days === 0 ? t3("backupToday") : t3("backupAge", { n: days })), /* @__PURE__ */ k("small", null, t3("backupText")))), /* @__PURE__ */ k("div", { class: "buttons start row-like" }, /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => {
    asking2.value = true;
  } }, /* @__PURE__ */ k(Icon, { name: "disk" }), t3("backupMake"))), asking2.value && /* @__PURE__ */ k(Dialog, { title: t3("backupMake"), close, footer: /* @__PURE__ */ k("button", { type: "button", class: "main", disabled: busy2 || secret.value.length < 8 || secret.value !== again.value, onClick: make }, t3("backupMake")) }, /* @__PURE__ */ k("p", { class: "dim" }, t3("backupPass")), /* @__PURE__ */ k("label", { class: "stack" }, t3("passphrase"), /* @__PURE__ */ k("input", { class: "field", type: "password", autocomplete: "new-password", autofocus: true, value: secret.value, onInput: (e3) => {
    secret.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("label", { class: "stack" }, t3("passphraseAgain"), /* @__PURE__ */ k("input", { class: "field", type: "password", autocomplete: "new-password", value: again.value, onInput: (e3) => {
    again.value = e3.currentTarget.value;
  } })), /* @__PURE__ */ k("div", { role: "status" }, (wrong.value || short || differs) && /* @__PURE__ */ k("p", { class: "warn" }, wrong.value || t3(short ? "passphraseShort" : "passphraseDiffers")), busy2 && /* @__PURE__ */ k("span", { class: "spinner" }))));
}
function Blocked() {
  const all = chats.value.filter((c3) => c3.with.state === "blocked");
  if (!all.length) return /* @__PURE__ */ k(Empty, { icon: "block", title: t3("nobodyBlocked") });
  return /* @__PURE__ */ k(S, null, all.map((c3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "s" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k(Name, { of: contactName(c3.with.id) })), /* @__PURE__ */ k("button", { type: "button", class: "plain", onClick: () => void call("PATCH", at("/contacts/" + c3.with.id), { blocked: false }).catch(complain) }, t3("unblock")))));
}
function Tabs() {
  const all = useSignal(null), [busy2, run] = useBusy();
  const ask2 = () => call("GET", "/v1/tokens").then((x2) => {
    all.value = x2.tokens ?? [];
  });
  h2(() => {
    ask2().catch(complain);
  }, []);
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k("p", { class: "dim" }, t3("tabsText")), (all.value ?? []).map((k3) => /* @__PURE__ */ k("div", { class: "row" }, /* @__PURE__ */ k(Icon, { name: k3.page ? "link" : "key" }), /* @__PURE__ */ k("span", { class: "grow" }, /* @__PURE__ */ k("b", { "data-theirs": !k3.page || void 0 }, k3.page ? t3("tabOf") : k3.name), /* @__PURE__ */ k("small", null, k3.used ? t3("usedAt", { time: moment(k3.used) }) : t3("madeAt", { time: moment(k3.created) }))), /* @__PURE__ */ k(IconButton, { icon: "trash", label: t3("revoke"), disabled: busy2, onClick: () => run(async () => {
    await call("DELETE", "/v1/tokens/" + k3.id);
    await ask2();
  }) }))), /* @__PURE__ */ k("div", { class: "buttons start" }, /* @__PURE__ */ k("button", { type: "button", class: "plain bad", onClick: () => void logout() }, /* @__PURE__ */ k(Icon, { name: "lock" }), t3("logout"))));
}
function Shortcuts() {
  return /* @__PURE__ */ k("table", { class: "keys" }, /* @__PURE__ */ k("tbody", null, keymap.map(([keys, what]) => /* @__PURE__ */ k("tr", null, /* @__PURE__ */ k("td", null, keys.map((k3, i3) => /* @__PURE__ */ k(S, null, i3 > 0 && /* @__PURE__ */ k("span", { class: "dim" }, " ", t3("or"), " "), /* @__PURE__ */ k("kbd", { "data-theirs": true }, k3)))), /* @__PURE__ */ k("td", null, t3(what))))));
}
function About() {
  const s3 = useSignal(null);
  h2(() => {
    call("GET", "/v1/status").then((x2) => {
      s3.value = x2;
    }, complain);
  }, []);
  return /* @__PURE__ */ k("div", { class: "about-page" }, /* @__PURE__ */ k("img", { src: "/icon.svg", alt: "", width: 72, height: 72 }), /* @__PURE__ */ k("h2", { "data-theirs": true }, "Linnet"), /* @__PURE__ */ k("p", { class: "dim" }, t3("aboutText")), /* @__PURE__ */ k("dl", { class: "facts" }, /* @__PURE__ */ k("dt", null, t3("version")), /* @__PURE__ */ k("dd", { "data-theirs": true }, s3.value?.version ?? "…"), /* @__PURE__ */ k("dt", null, t3("language")), /* @__PURE__ */ k("dd", { "data-theirs": true }, languages[language.value] ?? language.value), /* @__PURE__ */ k("dt", null, t3("licence")), /* @__PURE__ */ k("dd", null, /* @__PURE__ */ k("a", { href: "/licences.txt", target: "_blank", rel: "noopener", "data-theirs": true }, "MIT"))));
}

// src/share.tsx
var shared = signal("");
function Share() {
  const find = useSignal("");
  if (!shared.value || session.value !== "in" || !loaded.value || me.value?.state !== "running") return null;
  const close = () => {
    shared.value = find.value = "";
  };
  const all = chats.value.filter((c3) => (c3.with.state === "accepted" || c3.with.state === "asked") && c3.with.name.toLowerCase().includes(find.value.toLowerCase()));
  const to = (id) => {
    given.value = { with: id, text: shared.value };
    close();
    go("c", id);
  };
  return /* @__PURE__ */ k(Dialog, { title: t3("sharedText"), close }, /* @__PURE__ */ k("p", { class: "shared", dir: "auto", "data-theirs": true }, shared.value), /* @__PURE__ */ k("input", { type: "search", class: "field", placeholder: t3("search"), "aria-label": t3("search"), value: find.value, onInput: (e3) => {
    find.value = e3.currentTarget.value;
  } }), /* @__PURE__ */ k("div", { class: "people" }, all.slice(0, 100).map((c3) => /* @__PURE__ */ k("button", { type: "button", class: "person", key: c3.with.id, onClick: () => to(c3.with.id) }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "s" }), /* @__PURE__ */ k(Name, { of: c3.with.name })))), !all.length && /* @__PURE__ */ k("p", { class: "dim" }, t3(find.value ? "nothingFound" : "noChats")));
}

// src/main.tsx
function Switcher() {
  const find = useSignal(""), chosen = useSignal(0);
  if (!switching.value) return null;
  const close = () => {
    switching.value = false;
  };
  const low = find.value.toLowerCase(), all = openable().filter((c3) => c3.with.name.toLowerCase().includes(low)).slice(0, 8);
  const to = (id) => {
    close();
    go("c", id);
  };
  return /* @__PURE__ */ k(Dialog, { title: t3("switchTo"), close }, /* @__PURE__ */ k(
    "input",
    {
      class: "field",
      type: "search",
      autofocus: true,
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "switch-list",
      "aria-activedescendant": all.length ? "switch-" + chosen.value : void 0,
      "aria-label": t3("switchTo"),
      placeholder: t3("search"),
      value: find.value,
      onInput: (e3) => {
        find.value = e3.currentTarget.value;
        chosen.value = 0;
      },
      onKeyDown: (e3) => {
        if (e3.key === "ArrowDown" || e3.key === "ArrowUp") {
          e3.preventDefault();
          chosen.value = (chosen.value + (e3.key === "ArrowDown" ? 1 : all.length - 1)) % Math.max(1, all.length);
        }
        if (e3.key === "Enter" && all[chosen.value]) {
          e3.preventDefault();
          to(all[chosen.value].with.id);
        }
      }
    }
  ), /* @__PURE__ */ k("div", { class: "people", role: "listbox", id: "switch-list", "aria-label": t3("conversations") }, all.map((c3, i3) => /* @__PURE__ */ k("div", { class: "person" + (i3 === chosen.value ? " chosen" : ""), role: "option", id: "switch-" + i3, "aria-selected": i3 === chosen.value, onClick: () => to(c3.with.id) }, /* @__PURE__ */ k(Avatar, { name: c3.with.name, id: c3.with.id, picture: c3.with.picture, size: "s" }), /* @__PURE__ */ k(Name, { of: c3.with.name })))));
}
function Page() {
  if (session.value === "unknown") return null;
  if (session.value === "out") return /* @__PURE__ */ k(Door, null);
  if (accounts.value === null) return link.value === "down" ? /* @__PURE__ */ k(Down, null) : failure.value ? /* @__PURE__ */ k(Trouble, null) : null;
  if (!accounts.value.length) return /* @__PURE__ */ k(First, null);
  const where = place.value[0];
  if (me.value && me.value.state !== "running" && where !== "settings") return /* @__PURE__ */ k(Locked, null);
  const over = where === "add" ? /* @__PURE__ */ k(Add, { close: () => stay() }) : where === "invite" ? /* @__PURE__ */ k(Invites, { close: () => stay() }) : null;
  if (where === "start") return /* @__PURE__ */ k(Start, null);
  if (where === "settings") return /* @__PURE__ */ k("div", { class: "frame two", "data-on": place.value[1] ? "main" : "list" }, /* @__PURE__ */ k(Settings, null));
  const info = !!open.value && place.value[2] === "info";
  return /* @__PURE__ */ k("div", { class: "frame" + (info ? " three" : ""), "data-on": info ? "pane" : open.value ? "main" : "list" }, /* @__PURE__ */ k(List, null), open.value ? /* @__PURE__ */ k(Conversation, null) : /* @__PURE__ */ k("main", { class: "conversation none", "aria-label": t3("conversation") }, loaded.value && /* @__PURE__ */ k(Empty, { icon: "send", title: t3("chooseChat") }, /* @__PURE__ */ k("p", null, t3("chooseText")))), info && /* @__PURE__ */ k(ContactPane, null), over);
}
function App() {
  return /* @__PURE__ */ k(S, null, /* @__PURE__ */ k(Page, null), /* @__PURE__ */ k(Switcher, null), /* @__PURE__ */ k(Share, null), /* @__PURE__ */ k(Leave, null), /* @__PURE__ */ k(Toasts, null));
}
var policy = window.trustedTypes?.createPolicy("linnet", { createScriptURL: (u3) => {
  if (u3 !== "/sw.js") throw new TypeError("no");
  return u3;
} });
function take2(search) {
  const brought = new URLSearchParams(search), invite = brought.get("add");
  if (invite) go("add", invite.replace(/^web\+/, "").slice(0, 4096));
  const said = [...new Set(["title", "text", "url"].map((k3) => brought.get(k3)?.trim() ?? ""))].filter(Boolean);
  if (said.length) shared.value = said.join("\n").slice(0, 16384);
}
async function main() {
  const first = location.search;
  if (first) history.replaceState(null, "", "/" + location.hash);
  begin2();
  begin3();
  beginKeys();
  beginNotices();
  R(/* @__PURE__ */ k(App, null), document.getElementById("app"));
  try {
    await begin();
  } catch (e3) {
    if (link.value === "up") toast(explain(e3), void 0, void 0, true);
  }
  take2(first);
  let told2 = first !== "";
  window.launchQueue?.setConsumer((launch) => {
    const search = launch.targetURL ? new URL(launch.targetURL).search : "";
    if (told2 && search === first) {
      told2 = false;
      return;
    }
    take2(search);
  });
  const stopWaiting = loaded.subscribe((there) => {
    if (there) requestAnimationFrame(() => {
      performance.mark("usable");
      stopWaiting();
    });
  });
  if ("serviceWorker" in navigator) void navigator.serviceWorker.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {
  });
}
void main();
