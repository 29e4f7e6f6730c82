// storage-rust - one message that greets its reader: what a storage in Rust looks like.
//
//	rustc --edition 2021 -O -C panic=abort --crate-type cdylib storage-rust.rs -o storage-rust.so
//
// The structures are those of restante/plugin.h, member by member; those that follow the last one
// that is used here may be left out of a structure that the core allocates, and of none that the
// plugin does. No panic may leave a call: panic=abort ends the session instead of unwinding into C.
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null;

const OK: c_int = 0;
const PERM: c_int = -2;
const GONE: c_int = -5;
const SESSION: u32 = 1;
const MAINTAIN: u32 = 3;

#[repr(C)]
pub struct Host {
    size: u32,
    minor: u32,
    c: *mut c_void,
    log: unsafe extern "C" fn(*mut c_void, c_int, *const c_char, ...),
    str: unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_char,
    num: unsafe extern "C" fn(*mut c_void, *const c_char) -> i64,
    alloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    left_ms: unsafe extern "C" fn(*mut c_void) -> i64,
    measure: unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut u32) -> i64,
}

#[repr(C)]
pub struct User {
    size: u32,
    flags: u32,
    uid: u32,
    gid: u32,
    name: *const c_char,
}

#[repr(C)]
pub struct Message {
    size: u32,
    flags: u32,
    key: u64,
    octets: u64,
    received: i64,
    uid: *const c_char,
}

#[repr(C)]
pub struct Body {
    size: u32,
    flags: u32,
    fd: i32,
    pad: i32,
    off: u64,
    len: u64,
    octets: u64,
    b: *mut c_void,
    read: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> i64>,
}

type Each = unsafe extern "C" fn(*mut c_void, *const Message) -> c_int;

#[repr(C)]
pub struct Storage {
    size: u32,
    flags: u32,
    open: unsafe extern "C" fn(*const Host, *const User, u32, *mut *mut c_void) -> c_int,
    close: unsafe extern "C" fn(*mut c_void),
    list: unsafe extern "C" fn(*mut c_void, Each, *mut c_void) -> c_int,
    body: unsafe extern "C" fn(*mut c_void, u64, *mut Body) -> c_int,
    remove: unsafe extern "C" fn(*mut c_void, *const u64, usize) -> c_int,
    put_begin_data_end: [*const c_void; 3],
    note_get_put: [*const c_void; 2],
    maintain_keep: [*const c_void; 2],
}

#[repr(C)]
pub struct Setting {
    name: *const c_char,
    type_: u32,
    flags: u32,
    fallback: *const c_char,
    doc: *const c_char,
    range: *const c_char,
}

#[repr(C)]
pub struct Plugin {
    magic: u32,
    size: u32,
    need_minor: u32,
    setting_size: u32,
    needs: u32,
    nsettings: u32,
    name: *const c_char,
    version: *const c_char,
    doc: *const c_char,
    settings: *const Setting,
    storage: *const Storage,
    auth: *const c_void,
    check: *const c_void,
    ext: *const c_void,
}

// What is never written to may be shared, whatever pointers are in it.
unsafe impl Sync for Storage {}
unsafe impl Sync for Setting {}
unsafe impl Sync for Plugin {}

const fn text(s: &'static [u8]) -> *const c_char {
    s.as_ptr() as *const c_char
}

struct Mailbox {
    text: Vec<u8>,
    octets: u64,
    at: usize,
}

unsafe extern "C" fn open(host: *const Host, user: *const User, mode: u32, st: *mut *mut c_void) -> c_int {
    if mode != SESSION && mode != MAINTAIN {
        return PERM;
    }
    let h = &*host;
    let mut mailbox = Mailbox { text: b"Subject: Welcome\n\n".to_vec(), octets: 0, at: 0 };
    mailbox.text.extend(CStr::from_ptr((h.str)(h.c, text(b"greeting\0"))).to_bytes());
    mailbox.text.extend(b", ");
    mailbox.text.extend(CStr::from_ptr((*user).name).to_bytes());
    mailbox.text.extend(b"!\n");
    let mut state = 0;
    mailbox.octets = (h.measure)(h.c, mailbox.text.as_ptr() as *const c_void, mailbox.text.len(), &mut state) as u64;
    mailbox.octets += (h.measure)(h.c, null(), 0, &mut state) as u64;
    *st = Box::into_raw(Box::new(mailbox)) as *mut c_void;
    OK
}

unsafe extern "C" fn close(st: *mut c_void) {
    drop(Box::from_raw(st as *mut Mailbox));
}

unsafe extern "C" fn list(st: *mut c_void, each: Each, arg: *mut c_void) -> c_int {
    let m = Message {
        size: std::mem::size_of::<Message>() as u32,
        flags: 0,
        key: 1,
        octets: (*(st as *const Mailbox)).octets,
        received: 0,
        uid: text(b"welcome\0"),
    };
    each(arg, &m)
}

unsafe extern "C" fn read(b: *mut c_void, buf: *mut c_void, n: usize) -> i64 {
    let m = &mut *(b as *mut Mailbox);
    let n = n.min(m.text.len() - m.at);
    std::ptr::copy_nonoverlapping(m.text.as_ptr().add(m.at), buf as *mut u8, n);
    m.at += n;
    n as i64
}

unsafe extern "C" fn body(st: *mut c_void, key: u64, out: *mut Body) -> c_int {
    let m = &mut *(st as *mut Mailbox);
    if key != 1 {
        return GONE;
    }
    m.at = 0;
    (*out).octets = m.octets;
    (*out).b = st;
    (*out).read = Some(read);
    OK
}

unsafe extern "C" fn remove(_st: *mut c_void, _keys: *const u64, n: usize) -> c_int {
    if n == 0 { OK } else { PERM }
}

static SETTINGS: [Setting; 1] = [Setting {
    name: text(b"greeting\0"),
    type_: 5, // RESTANTE_STRING
    flags: 2, // RESTANTE_PER_USER
    fallback: text(b"Welcome\0"),
    doc: text(b"how users are greeted\0"),
    range: text(b"1..64\0"),
}];

static STORAGE: Storage = Storage {
    size: std::mem::size_of::<Storage>() as u32,
    flags: 0,
    open,
    close,
    list,
    body,
    remove,
    put_begin_data_end: [null(); 3],
    note_get_put: [null(); 2],
    maintain_keep: [null(); 2],
};

#[no_mangle]
pub static storage_rust_LTX_restante_plugin_v1: Plugin = Plugin {
    magic: 0x5253_5431,
    size: std::mem::size_of::<Plugin>() as u32,
    need_minor: 0,
    setting_size: std::mem::size_of::<Setting>() as u32,
    needs: 0,
    nsettings: 1,
    name: text(b"storage-rust\0"),
    version: text(b"1\0"),
    doc: text(b"one message that greets its reader\0"),
    settings: SETTINGS.as_ptr(),
    storage: &STORAGE,
    auth: null(),
    check: null(),
    ext: null(),
};
