"""Object code from LLVM's language, in several threads at once.

llvmlite holds one lock around all of LLVM. Texts that share no context need none of it
while they are translated, so the long calls are made beside that lock.
"""

from __future__ import annotations

import ctypes
from typing import Any


class Translator:
    """LLVM for this machine."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.get_process_triple()
        self.cpu = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features().flatten()
        version = ".".join(map(str, llvm.llvm_version_info))
        self.identity = f"{version}\0{self.triple}\0{self.cpu}\0{self.features}"
        self.layout = str(self.machine().target_data)

    def machine(self) -> Any:
        """A target machine, for one thread."""
        target = self.llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, jit=True
        )

    def object_code(self, text: str) -> bytes:
        """The object code of a text; several threads may ask."""
        head = f'target triple = "{self.triple}"\n'
        head += f'target datalayout = "{self.layout}"\n'
        module = self.llvm.parse_assembly(head + text, self.llvm.create_context())
        module.verify()
        machine = self.machine()
        self._tidy(module, machine)
        return self._emitted(module, machine)

    def _tidy(self, module: Any, machine: Any) -> None:
        """What code needs whose loops and vectors are as they shall be.

        It takes a fraction of the time of LLVM's usual passes.
        """
        options = self.llvm.create_pipeline_tuning_options(speed_level=1)
        builder = self.llvm.create_pass_builder(machine, options)
        passes = self.llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_simplify_cfg_pass()
        passes.add_instruction_combine_pass()
        passes.add_loop_rotate_pass()
        passes.add_simplify_cfg_pass()
        passes.add_new_gvn_pass()
        passes.add_instruction_combine_pass()
        passes.add_dead_code_elimination_pass()
        self._unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)

    def _emitted(self, module: Any, machine: Any) -> bytes:
        ffi = self.llvm.ffi
        emit = self._unlocked("LLVMPY_TargetMachineEmitToMemory")
        with ffi.OutputString() as fault:
            buffer = emit(machine, module, 1, fault)
            if not buffer:
                raise RuntimeError(str(fault))
        try:
            start = ffi.lib.LLVMPY_GetBufferStart(buffer)
            return ctypes.string_at(start, ffi.lib.LLVMPY_GetBufferSize(buffer))
        finally:
            ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)

    def _unlocked(self, name: str) -> Any:
        """A function of llvmlite's library without the lock, as far as there is one."""
        function = getattr(self.llvm.ffi.lib, name)
        return getattr(function, "_cfn", function)
