//! CUDA by nvcc: what C has, and what nvcc adds to it. The cases need NVIDIA's toolkit, and no device.

use super::case::{Case, Expect::Follows, Expect::Hits, Expect::Right};
use super::project::{Probe, TestProject};

const DRIVER: &str = "https://docs.nvidia.com/cuda/cuda-compiler-driver-nvcc/";
/// A kernel with the value of the macro `H`.
const KERNEL: &str = "#include \"h.h\"\n__global__ void k(int *p) { *p = H; }\n";
/// Names that `cudafe++` and `cicc` make from the path of the source.
const LOCAL: &str = "namespace { struct S { int a; }; __device__ int used; }\n\
    template <class T> __global__ void f() { used = sizeof(T); }\nvoid g() { f<S><<<1, 1>>>(); }\n";

pub const CASES: &[Case] = &[
    Case {
        name: "cuda-header",
        about: "a header that the code of a device includes is edited",
        source: "https://github.com/mozilla/sccache/issues/1299",
        expect: Follows,
        set_up: |s| s.write("a.cu", KERNEL).write("h.h", "#define H 1\n").ptx(""),
        change: |s| s.write("h.h", "#define H 2\n"),
    },
    Case {
        name: "cuda-header-of-one-device",
        about: "a header is edited that is included for one of two architectures",
        source: DRIVER,
        expect: Follows,
        set_up: |s| {
            let source = "#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800\n#include \"h.h\"\n#else\n#define H 0\n#endif\n";
            let kernel = KERNEL.replace("#include \"h.h\"\n", source);
            let architectures = "-gencode arch=compute_75,code=sm_75 -gencode arch=compute_80,code=sm_80";
            s.write("a.cu", &kernel).write("h.h", "#define H 1\n");
            s.c(&format!("nvcc -fatbin -t 2 {architectures} a.cu -o out/a.fb"))
                .probe(Probe::Bytes("out/a.fb"))
        },
        change: |s| s.write("h.h", "#define H 2\n"),
    },
    Case {
        name: "cuda-header-shadowed",
        about: "a header of the same name appears in an earlier -I directory",
        source: "https://github.com/ccache/ccache/issues/504",
        expect: Follows,
        set_up: |s| {
            s.write("a.cu", &KERNEL.replace("\"h.h\"", "<h.h>")).directory("early");
            s.write("late/h.h", "#define H 1\n").ptx("-I early,late")
        },
        change: |s| s.write("early/h.h", "#define H 2\n"),
    },
    Case {
        name: "cuda-header-appears",
        about: "a header comes to be there that the source asks for by __has_include",
        source: "https://gcc.gnu.org/onlinedocs/cpp/_005f_005fhas_005finclude.html",
        expect: Follows,
        set_up: |s| {
            let asks = "#if __has_include(\"h.h\")\n#include \"h.h\"\n#else\n#define H 1\n#endif\n";
            s.write("a.cu", &KERNEL.replace("#include \"h.h\"\n", asks)).ptx("")
        },
        change: |s| s.write("h.h", "#define H 2\n"),
    },
    Case {
        name: "cuda-options-file",
        about: "the file of --options-file defines a macro otherwise",
        source: DRIVER,
        expect: Follows,
        set_up: |s| {
            s.write("a.cu", &KERNEL.replace("#include \"h.h\"\n", "")).write("flags", "-DH=1\n");
            s.ptx("--options-file flags")
        },
        change: |s| s.write("flags", "-DH=2\n"),
    },
    Case {
        name: "cuda-appended-flags",
        about: "NVCC_APPEND_FLAGS defines a macro otherwise",
        source: DRIVER,
        expect: Follows,
        set_up: |s| {
            let kernel = KERNEL.replace("#include \"h.h\"\n", "#ifndef H\n#define H 1\n#endif\n");
            s.write("a.cu", &kernel).ptx("")
        },
        change: |s| s.env("NVCC_APPEND_FLAGS", "-DH=2"),
    },
    Case {
        name: "cuda-host-compiler",
        about: "the script of -ccbin is edited, which adds a flag for the host compiler",
        source: "https://github.com/mozilla/sccache/issues/2170",
        expect: Follows,
        set_up: |s| {
            s.write("a.cu", &KERNEL.replace("#include \"h.h\"\n", ""));
            s.script("bin/g++", "exec g++ -DH=1 \"$@\"").ptx("-ccbin bin/g++")
        },
        change: |s| s.script("bin/g++", "exec g++ -DH=2 \"$@\""),
    },
    Case {
        name: "cuda-host-compiler-found",
        about: "another host compiler appears earlier in PATH",
        source: DRIVER,
        expect: Follows,
        set_up: |s| {
            let kernel = KERNEL.replace("#include \"h.h\"\n", "#ifndef H\n#define H 1\n#endif\n");
            s.directory("bin").path_first("{w}/bin").write("a.cu", &kernel).ptx("")
        },
        change: |s| s.script("bin/gcc", "exec /usr/bin/gcc -DH=2 \"$@\""),
    },
    Case {
        name: "cuda-file-macro",
        about: "__FILE__ of an absolute path is in the code of the host and of a device, in another checkout",
        source: "https://gcc.gnu.org/onlinedocs/cpp/Standard-Predefined-Macros.html",
        expect: Right,
        set_up: |s| {
            s.write(
                "a.cu",
                "const char *f = __FILE__;\n__global__ void k(const char **p) { *p = __FILE__; }\n",
            );
            s.object("{w}/a.cu", "").probe(Probe::Foreign("out/a.o"))
        },
        change: |s| s.elsewhere_at("longer/name"),
    },
    Case {
        name: "cuda-file-of-device",
        about: "__builtin_FILE in the code of a device gives the path of another checkout",
        source: "https://gcc.gnu.org/onlinedocs/gcc/Other-Builtins.html",
        expect: Follows,
        set_up: |s| {
            s.write(
                "a.cu",
                "#define F(x) __builtin_##x()\n__global__ void k(const char **p) { *p = F(FILE); }\n",
            );
            s.c("nvcc -ptx {w}/a.cu -o out/a.ptx").probe(Probe::Text("out/a.ptx"))
        },
        change: |s| s.elsewhere_at("longer/name"),
    },
    Case {
        name: "cuda-lines",
        about: "-lineinfo has the directory of the sources in it, in another checkout",
        source: DRIVER,
        expect: Right,
        set_up: |s| {
            s.write("a.cu", KERNEL).write("h.h", "#define H 1\n");
            s.c("nvcc -cubin -lineinfo a.cu -o out/a.cubin").probe(Probe::Foreign("out/a.cubin"))
        },
        change: |s| s.elsewhere_at("longer/name"),
    },
    Case {
        name: "cuda-clone",
        about: "another checkout compiles a source whose local names come from its path",
        source: "https://github.com/mozilla/sccache/issues/2183",
        expect: Hits,
        set_up: |s| s.write("a.cu", LOCAL).object("{w}/a.cu", "-rdc=true").probe(Probe::Foreign("out/a.o")),
        change: |s| s.elsewhere_at("longer/name"),
    },
    Case {
        name: "cuda-depfile",
        about: "another checkout has its own paths in the depfile",
        source: DRIVER,
        expect: Hits,
        set_up: |s| {
            s.write("a.cu", KERNEL).write("h.h", "#define H 1\n");
            s.object("{w}/a.cu", "-MD -MF out/a.d -MT {w}/out/a.o").probe(Probe::Rules("out/a.d"))
        },
        change: |s| s.elsewhere_at("longer/name"),
    },
];

impl TestProject {
    /// Compiles the code of `a.cu` for devices to text.
    fn ptx(&mut self, more: &str) -> &mut TestProject {
        self.c(&format!("nvcc -ptx a.cu -o out/a.ptx {more}")).probe(Probe::Text("out/a.ptx"))
    }

    /// Compiles a source to `out/a.o`. Else the name of a temporary file is in the object, which differs from run to run.
    fn object(&mut self, source: &str, more: &str) -> &mut TestProject {
        self.c(&format!("nvcc -c -objtemp {source} -o out/a.o {more}"))
    }
}
